"""A DAG of a user that runs when the results of a day have changed."""

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG, Asset

with DAG(dag_id="consumer", schedule=[Asset("imgdedup_deduplicated")], catchup=False):
    EmptyOperator(task_id="consume")
