"""`make verdicts`: adds what people said of pairs to the table `reviews` of a root.

python -m imgdedup.local.reviews --file FILE --out ROOT
"""

import argparse
import sys

from imgdedup.console import say
from imgdedup.errors import UserError
from imgdedup.report.importing import Imported, import_reviews


def main() -> int:
    """Read the arguments and import the file; a UserError becomes one line and status 2."""
    parser = argparse.ArgumentParser(prog="python -m imgdedup.local.reviews")
    parser.add_argument("--file", required=True, help="the export of the report, or Parquet")
    parser.add_argument("--out", required=True, help="the root: a folder or a uri")
    arguments = parser.parse_args()
    try:
        imported = import_reviews(arguments.file, arguments.out)
    except UserError as error:
        say(f"error: {error}")
        return 2
    for line in words(imported):
        say(line)
    return 0


def words(imported: Imported) -> list[str]:
    """What was imported, a line for each fact."""
    lines = [
        f"reviews: {imported.same:,} same, {imported.different:,} different, "
        f"{imported.withdrawn:,} withdrawn"
    ]
    if not imported.is_new:
        lines.append("the table has these reviews already; nothing was written")
    if imported.unknown:
        lines.append(f"{imported.unknown:,} are of images that are not there; they wait for them")
    if imported.contradicting:
        lines.append(
            f"{imported.contradicting:,} pairs are called different, though a chain of reviews "
            "calls them the same; they will stay apart"
        )
    return [*lines, "the next run honours all reviews of the table"]


if __name__ == "__main__":
    sys.exit(main())
