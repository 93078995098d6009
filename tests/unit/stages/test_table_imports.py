"""What a run without tables of other formats imports."""

import subprocess
import sys


def test_the_libraries_of_tables_are_imported_for_tables_alone() -> None:
    names = "{'deltalake', 'pyiceberg'}"
    stages = "from imgdedup.stages import group, scan"
    program = f"import sys; {stages}; print(sorted({names} & sys.modules.keys()))"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n"
