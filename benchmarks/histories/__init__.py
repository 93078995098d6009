"""Random histories of a lake: days in any order, again, changed and abandoned, end as one run."""
