"""`make setup`: the Java, the bytecode and the archive of classes that short runs start with."""

import sys
import sysconfig
from pathlib import Path

import pyspark

from imgdedup.errors import UserError
from imgdedup.local.java import choose_java
from imgdedup.local.prepared import class_archive
from imgdedup.local.prepared.bytecode import add_bytecode, compile_packages


def main() -> None:
    """Prepare all. Without the bytecode and the archive everything works, but starts slowly."""
    try:
        java = choose_java()
    except UserError as error:
        sys.exit(f"imgdedup: error: {error}")
    compile_packages(Path(sysconfig.get_path("purelib")))
    for archive in Path(pyspark.__file__).parent.glob("python/lib/pyspark.zip"):
        add_bytecode(archive)
    if class_archive.make(java) is None:
        print("imgdedup: no archive of Spark's classes: its jobs start more slowly")


if __name__ == "__main__":
    main()
