"""Random sequences of plan, apply, undo, purge, run and restore, killed at any step."""
