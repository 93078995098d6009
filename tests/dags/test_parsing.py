"""Airflow reads the DAG files again and again, so reading them is cheap."""

import json
import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]


def test_reading_the_dags_is_light(tmp_path: Path) -> None:
    program = f"""
import json, sys
from airflow.dag_processing.dagbag import DagBag
before = set(sys.modules)
bag = DagBag({str(REPOSITORY / "dags")!r})
print(json.dumps([sorted(bag.dags), bag.import_errors, sorted(sys.modules)]))
"""
    result = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=tmp_path
    )
    dags, errors, modules = json.loads(result.stdout.splitlines()[-1])
    assert (dags, errors) == (["image_dedup", "image_dedup_removal"], {})
    heavy = {"pyspark", "torch", "pymilvus", "milvus_lite", "pandas", "numpy", "PIL", "duckdb"}
    assert heavy.isdisjoint(modules)
    ours = {name for name in modules if name.split(".")[0] == "imgdedup"}
    light = {"console", "errors", "flow", "runtime", "runtime.lineage", "runtime.operators"}
    assert ours == {"imgdedup", *(f"imgdedup.{name}" for name in light)}
