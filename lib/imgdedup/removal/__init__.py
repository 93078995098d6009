"""Removal that cannot lose: what may go is planned, moved to a quarantine, put back or deleted.

Only `purge` deletes. Nothing here needs Spark.
"""
