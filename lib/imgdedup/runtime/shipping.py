"""Gives the executors of a cluster the code that the driver runs.

So the nodes of a cluster need the packages that imgdedup uses, but not imgdedup itself, and they
never run another version of it than the driver.
"""

import zipfile
from pathlib import Path

from pyspark import SparkFiles
from pyspark.sql import SparkSession

import imgdedup

_NAME = "imgdedup.zip"


def ship_package(spark: SparkSession) -> None:
    """Let every Python worker import this package, whatever its own environment has.

    Does nothing where spark-submit has shipped the package as a zip file itself.
    """
    package = Path(imgdedup.__file__).parent
    if package.is_dir():
        folder = Path(SparkFiles.getRootDirectory(), "shipped")  # Spark deletes it with the session
        folder.mkdir()
        spark.sparkContext.addPyFile(str(pack(package, folder / _NAME)))


def pack(package: Path, target: Path) -> Path:
    """Write the sources and data of a package as a zip file that Python can import from."""
    with zipfile.ZipFile(target, "w") as archive:  # stored, not packed: the weights hardly shrink
        for file in sorted(package.rglob("*")):
            if file.is_file() and "__pycache__" not in file.parts:
                archive.write(file, file.relative_to(package.parent))
    return target
