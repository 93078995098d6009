"""Compiles Python modules of the environment to bytecode, once.

Each Spark job starts a driver and workers, and Airflow starts processes of its own. Python keeps
the bytecode of a module after its first import, unless PYTHONDONTWRITEBYTECODE is set. It cannot
keep that of pyspark, because spark-submit puts pyspark on the path as a zip file of sources.
"""

import os
import re
import tempfile
import zipfile
from compileall import compile_dir
from pathlib import Path
from py_compile import PycInvalidationMode

# Packages of which a run imports little or nothing, and whose bytecode takes a minute to make.
_LEFT_OUT = re.compile(r"/(torch|torchvision|scipy|sklearn|skimage|sympy|sphinx|networkx|tests?)/")


def compile_packages(folder: Path) -> None:
    """Write the bytecode of the packages in `folder` beside their sources, where it is missing."""
    compile_dir(folder, quiet=2, rx=_LEFT_OUT, workers=os.cpu_count() or 1)


def add_bytecode(archive: Path) -> None:
    """Add the bytecode of its modules to a zip file of Python sources; again changes nothing.

    A module that does not compile stays as it is. The archive is replaced as a whole.
    """
    with zipfile.ZipFile(archive) as sources, tempfile.TemporaryDirectory() as space:
        if any(name.endswith(".pyc") for name in sources.namelist()):
            return
        sources.extractall(space)
        compile_dir(
            space,
            quiet=2,
            legacy=True,  # beside the source, where a zip file has it
            rx=_LEFT_OUT,
            workers=os.cpu_count() or 1,
            stripdir=space,
            invalidation_mode=PycInvalidationMode.UNCHECKED_HASH,
        )
        unfinished = archive.with_name(f".{archive.name}.unfinished")
        with zipfile.ZipFile(unfinished, "w") as target:
            for path in sorted(Path(space).rglob("*")):
                target.write(path, path.relative_to(space))
    unfinished.replace(archive)
