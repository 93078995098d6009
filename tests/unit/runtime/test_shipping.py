"""The package works from the zip file in which executors get it."""

import subprocess
import sys
import zipfile
from pathlib import Path

import imgdedup
from imgdedup.encoder import weights
from imgdedup.geometry.aggregate import builtin_codebook
from imgdedup.runtime.shipping import pack

PACKAGE = Path(imgdedup.__file__).parent
READ = """
import sys
sys.path.insert(0, sys.argv[1])
import imgdedup.stages.embed
from imgdedup.encoder import weights
from imgdedup.geometry.aggregate import builtin_codebook
assert imgdedup.__file__.startswith(sys.argv[1]), imgdedup.__file__
loaded = weights.with_ranges(weights.load("builtin"), "builtin")
print(loaded.digest, loaded.ranges.fingerprint, builtin_codebook().fingerprint)
"""


def test_weights_ranges_and_codebook_are_read_from_a_zip_file(tmp_path: Path) -> None:
    shipped = pack(PACKAGE, tmp_path / "imgdedup.zip")
    command = [sys.executable, "-I", "-c", READ, str(shipped)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    loaded = weights.with_ranges(weights.load("builtin"), "builtin")
    assert loaded.ranges is not None
    expected = [loaded.digest, loaded.ranges.fingerprint, builtin_codebook().fingerprint]
    assert done.stdout.split() == expected


def test_a_zip_file_holds_all_files_but_bytecode(tmp_path: Path) -> None:
    with zipfile.ZipFile(pack(PACKAGE, tmp_path / "imgdedup.zip")) as shipped:
        names = set(shipped.namelist())
    kept = {path for path in PACKAGE.rglob("*") if path.is_file() and path.suffix != ".pyc"}
    assert names == {path.relative_to(PACKAGE.parent).as_posix() for path in kept}
