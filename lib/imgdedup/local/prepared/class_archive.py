"""An archive of the Java classes that Spark loads. It halves the start time of Spark's JVMs.

Each job is a spark-submit of its own. On a small day half of its seconds went into finding,
checking and linking about 15,000 classes. Java can keep classes ready to map into memory (class
data sharing). `make setup` makes the archive once, from the classes that a small Spark job loads.
A JVM that cannot use the archive (another Java, another Spark) ignores it and starts as usual.
"""

import os
import subprocess
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path

from imgdedup.local.java import Java

FOLDER = Path(sys.prefix) / "spark-classes"
ONE_STEP = 25  # from this version on, Java needs no base archive to make one


def options(java: Java, folder: Path = FOLDER) -> str:
    """Return the JVM options by which `java` uses its archive in `folder`; "" without an archive.

    The options are quoted for the environment variable SPARK_SUBMIT_OPTS.
    """
    archive = archive_path(java, folder)
    if not archive.is_file():
        return ""
    if java.version >= ONE_STEP:
        return f'-XX:AOTCache="{archive}" -Xlog:aot*=off -Xlog:cds*=off'
    return f'-XX:SharedArchiveFile="{archive}" -Xlog:cds=off -Xlog:cds+dynamic=off'


def make(java: Java, folder: Path = FOLDER) -> Path | None:
    """Make the archive for `java` in `folder`; return None when this Java cannot make one."""
    archive = archive_path(java, folder)
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as space:
        unfinished = Path(space, archive.name)
        flag = "AOTCacheOutput" if java.version >= ONE_STEP else "ArchiveClassesAtExit"
        environment = os.environ | {
            "JAVA_HOME": str(java.home),
            "PATH": f"{sys.prefix}/bin{os.pathsep}{os.environ.get('PATH', os.defpath)}",
            "PYSPARK_PYTHON": sys.executable,
            "SPARK_LOCAL_IP": "127.0.0.1",
            "SPARK_LOCAL_DIRS": space,
            "SPARK_SUBMIT_OPTS": f'-XX:{flag}="{unfinished}" -Djava.io.tmpdir="{space}"',
        }
        environment.pop("SPARK_HOME", None)
        job = [str(Path(__file__).with_name("class_archive_job.py")), str(Path(space, "tables"))]
        done = subprocess.run(
            ["spark-submit", "--master", "local[1]", *job],
            env=environment,
            cwd=space,
            check=False,
            capture_output=True,
        )
        if done.returncode or not unfinished.is_file():
            return None
        unfinished.replace(archive)
    return archive


def archive_path(java: Java, folder: Path) -> Path:
    """The path of the archive for `java`, whether it exists or not."""
    return folder / f"java-{java.version}-spark-{version('pyspark')}.jsa"
