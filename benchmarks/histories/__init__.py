"""Random histories of a lake: any order of days must end in the tables of one clean run."""
