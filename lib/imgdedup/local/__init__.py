"""Runs the whole job on one machine: Java, the embedded Airflow, the demo and its report."""
