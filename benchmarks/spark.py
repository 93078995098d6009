"""The environment of Spark for benchmarks of many small jobs: a quick start, on loopback only."""

import os
import sys
from pathlib import Path

from imgdedup.local.java import BRIEF, choose_java
from imgdedup.local.prepared import class_archive


def environment(folder: Path, *, brief: bool = True) -> dict[str, str]:
    """Return an environment in which Spark keeps its own files in `folder`.

    The JVM collects garbage serially. A `brief` JVM, which lives for seconds or minutes, also does
    without the second compiler.
    """
    java = choose_java()
    collector = BRIEF if brief else "-XX:+UseSerialGC"
    kept = {name: text for name, text in os.environ.items() if not name.startswith("SPARK_")}
    return kept | {
        "JAVA_HOME": str(java.home),
        "PATH": f"{sys.prefix}/bin{os.pathsep}{os.environ.get('PATH', os.defpath)}",
        "PYSPARK_PYTHON": sys.executable,
        "PYSPARK_DRIVER_PYTHON": sys.executable,
        "SPARK_LOCAL_DIRS": str(folder),
        "SPARK_LOCAL_IP": "127.0.0.1",
        "SPARK_SUBMIT_OPTS": f"{collector} {class_archive.options(java)}",
    }
