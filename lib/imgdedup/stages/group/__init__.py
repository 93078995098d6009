"""group: forms groups of duplicates, chooses keepers, and writes the manifests without the rest.

It may also write these manifests to a Delta table.
"""

from imgdedup.stages.group.stage import count_groups, form_groups, run, without_removed

__all__ = ["count_groups", "form_groups", "run", "without_removed"]
