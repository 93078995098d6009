"""A month of days under a running Airflow: as one run, and as a run of each day."""
