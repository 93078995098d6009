"""What a scan that reads no table imports."""

import subprocess
import sys


def test_the_libraries_of_tables_are_imported_for_tables_alone() -> None:
    names = "{'deltalake', 'pyiceberg'}"
    program = f"import sys, imgdedup.stages.scan; print(sorted({names} & sys.modules.keys()))"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n"
