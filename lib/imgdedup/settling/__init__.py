"""What changed since a stage last settled its tables, and how the stage publishes its tables.

`settlement.Settlement` is what an incremental stage opens. The other modules are its parts.
"""
