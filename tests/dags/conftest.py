"""Gives the tests of the DAG an Airflow without a database: asking the database fails."""

import os
import tempfile

# Airflow reads these when it is first imported, so they are set before any test module is.
_HOME = tempfile.TemporaryDirectory(prefix="imgdedup-airflow-")
os.environ |= {
    "AIRFLOW_HOME": _HOME.name,
    "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
    "AIRFLOW__CORE__UNIT_TEST_MODE": "False",
    "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": "sqlite:////nowhere/airflow.db",
    "AIRFLOW_CONN_SPARK_DEFAULT": '{"conn_type": "spark", "host": "local[2]"}',
}
