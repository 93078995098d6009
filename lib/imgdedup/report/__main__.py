"""`make report`: writes the report of a lake.

python -m imgdedup.report --root ROOT
"""

import argparse
import sys

from imgdedup.report.pages import write
from imgdedup.report.terminal import status_of


def main() -> int:
    """Read the arguments and write; return 2 after a UserError, 1 when tables or disk fail."""
    parser = argparse.ArgumentParser(prog="python -m imgdedup.report", description=__doc__)
    parser.add_argument("--root", required=True, help="folder or URI that holds the tables")
    arguments = parser.parse_args()
    return status_of(
        lambda: [f"the report is {write(arguments.root)}"],
        "the report was not written, and the last one stays",
    )


if __name__ == "__main__":
    sys.exit(main())
