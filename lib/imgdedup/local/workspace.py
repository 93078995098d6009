"""The private folder of a root on this machine, and the environment of the Airflow that uses it.

OUT/.imgdedup/airflow holds the database of Airflow. OUT/.imgdedup/logs holds one file per run.
"""

import fcntl
import json
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import imgdedup
from imgdedup.errors import UserError
from imgdedup.local import sqlite
from imgdedup.local.java import BRIEF, choose_java
from imgdedup.local.prepared import class_archive

REPOSITORY = Path(os.path.abspath(imgdedup.__file__)).parents[2]
CONF = REPOSITORY / "conf"
SQLITE = sqlite.__name__
LOCAL = "local[*]"  # Spark on all cores of this machine


class Workspace(NamedTuple):
    """The private folder of a root while one run holds it."""

    private: Path
    tmp: Path
    lock: int  # file descriptor


@contextmanager
def claimed(root: Path) -> Iterator[Workspace]:
    """Hold `root` for one run at a time; give its private folder, with a fresh `tmp` inside.

    Raises UserError when another run holds `root`, or when `root` cannot be written.
    """
    private = root / ".imgdedup"
    try:
        for name in ("airflow", "logs"):
            (private / name).mkdir(parents=True, exist_ok=True)
        lock = (private / "lock").open("w")
    except (FileExistsError, NotADirectoryError):
        raise UserError(f"{root} is not a folder: give a folder for the results") from None
    except OSError as error:
        raise UserError(f"cannot write to {root}: {error.strerror}") from None
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UserError(f"{root} is in use by another run or `make ui`: stop that") from None
        tmp = private / "tmp"
        shutil.rmtree(tmp, ignore_errors=True)
        tmp.mkdir()
        try:
            yield Workspace(private, tmp, lock.fileno())
        finally:
            shutil.rmtree(tmp, ignore_errors=True)


def environment(space: Workspace, master: str = LOCAL) -> dict[str, str]:
    """Return the environment of the embedded Airflow and of the Spark that it starts.

    `master` is the address of Spark's cluster manager. Settings of any other Airflow or Spark on
    the machine are left out.
    """
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("AIRFLOW", "SPARK_", "PYSPARK_"))
    }
    java = choose_java()
    java_options = f'-Djava.io.tmpdir="{space.tmp}" -XX:-UsePerfData'
    return {
        **kept,
        "JAVA_HOME": str(java.home),
        # spark-submit finds Spark through the first python3.
        "PATH": f"{sys.prefix}/bin{os.pathsep}{os.environ.get('PATH', os.defpath)}",
        "PYSPARK_PYTHON": sys.executable,
        "SPARK_LOCAL_IP": "127.0.0.1",
        "SPARK_LOCAL_DIRS": str(space.tmp),
        "SPARK_SUBMIT_OPTS": f"{java_options} {BRIEF} {class_archive.options(java)}",
        "SPARK_LAUNCHER_OPTS": "-XX:-UsePerfData",
        "TMPDIR": str(space.tmp),
        "AIRFLOW_HOME": str(space.private / "airflow"),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONNECT_ARGS": f"{SQLITE}.CONNECT_ARGS",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONNECT_ARGS_ASYNC": f"{SQLITE}.CONNECT_ARGS_ASYNC",
        "AIRFLOW__CORE__DAGS_FOLDER": str(REPOSITORY / "dags"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__LOGGING__LOG_FORMAT": "%(asctime)s %(levelname)s %(message)s",
        "AIRFLOW_CONN_SPARK_DEFAULT": json.dumps({"conn_type": "spark", "host": master}),
    }
