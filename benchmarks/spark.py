"""How Spark is started for benchmarks of many small jobs: quickly, and on loopback alone."""

import os
import sys
from pathlib import Path

from imgdedup.local import class_archive
from imgdedup.local.java import choose_java


def environment(folder: Path) -> dict[str, str]:
    """The environment of a Spark that keeps its own files in `folder`.

    Its JVMs live for seconds or minutes, so they do without the second compiler and the collector
    of garbage in parallel.
    """
    java = choose_java()
    options = f"-XX:TieredStopAtLevel=1 -XX:+UseSerialGC {class_archive.options(java)}"
    kept = {name: text for name, text in os.environ.items() if not name.startswith("SPARK_")}
    return kept | {
        "JAVA_HOME": str(java.home),
        "PATH": f"{sys.prefix}/bin{os.pathsep}{os.environ.get('PATH', os.defpath)}",
        "PYSPARK_PYTHON": sys.executable,
        "PYSPARK_DRIVER_PYTHON": sys.executable,
        "SPARK_LOCAL_DIRS": str(folder),
        "SPARK_LOCAL_IP": "127.0.0.1",
        "SPARK_SUBMIT_OPTS": options,
    }
