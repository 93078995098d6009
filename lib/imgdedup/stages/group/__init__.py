"""group: forms groups of duplicates, chooses keepers, and writes the manifests without the rest.

It tells what changed in the groups. It may also write these manifests to a Delta table, and tell
which images leak from one value of a column to another.
"""

from imgdedup.stages.group.stage import count_groups, form_groups, run, without_removed

__all__ = ["count_groups", "form_groups", "run", "without_removed"]
