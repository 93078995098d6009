"""`make report`: writes the report of a lake.

python -m imgdedup.report --root ROOT
"""

import argparse
import sys

import duckdb

from imgdedup.console import say
from imgdedup.errors import UserError, one_line
from imgdedup.report.pages import write


def main() -> int:
    """Read the arguments and write; return 2 after a UserError, 1 when tables or disk fail."""
    parser = argparse.ArgumentParser(prog="python -m imgdedup.report", description=__doc__)
    parser.add_argument("--root", required=True, help="folder or URI that holds the tables")
    arguments = parser.parse_args()
    try:
        say(f"the report is {write(arguments.root)}")
    except UserError as error:
        say(f"error: {error}")
        return 2
    except (OSError, duckdb.Error, ValueError) as error:
        say(f"error: the report was not written, and the last one stays: {one_line(error)}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
