"""Kills processes in every stage and fills disks; the same command has to mend everything."""
