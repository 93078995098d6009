"""Kills processes in every stage and fills disks. The same command must then repair the lake."""
