"""`make repair`: rebuilds everything that is derived from manifests and embeddings.

python -m imgdedup.local.repair --out FOLDER [--overlay local]
"""

import argparse
import sys
from pathlib import Path

from imgdedup.console import say
from imgdedup.errors import UserError
from imgdedup.local.airflow import run_dag
from imgdedup.local.run import require_local_folder

REPAIR = "lake.repair"


def repair(out: Path, overlay: str) -> int:
    """Run the DAG over the lake in `out` and trust nothing derived; return the exit status.

    Raises UserError when the lake has no embeddings.
    """
    days = sorted(place.name.removeprefix("dt=") for place in (out / "embeddings").glob("dt=*"))
    if not days:
        raise UserError(f"there are no embeddings in {out}: give the folder with OUT (--out)")
    return run_dag(out, [{"dt": days[-1], "manifest": ""}], overlay, {REPAIR: True})


def main() -> int:
    """Read the arguments and repair; a UserError becomes one line and status 2."""
    parser = argparse.ArgumentParser(prog="python -m imgdedup.local.repair")
    parser.add_argument("--out", required=True, help="folder of the results")
    parser.add_argument("--overlay", default="local", help="configuration over conf/base.toml")
    arguments = parser.parse_args()
    try:
        return repair(require_local_folder(arguments.out), arguments.overlay)
    except UserError as error:
        say(f"error: {error}")
        return 2


if __name__ == "__main__":
    sys.exit(main())
