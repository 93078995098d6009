"""`make verdicts`: adds what people said of pairs to the table `reviews` of a root.

python -m imgdedup.local.reviews --file FILE --out ROOT
"""

import argparse
import sys

from imgdedup.report.importing import Imported, import_reviews
from imgdedup.report.terminal import status_of


def main() -> int:
    """Read the arguments and import; return 2 after a UserError, 1 when tables cannot be read."""
    parser = argparse.ArgumentParser(prog="python -m imgdedup.local.reviews")
    parser.add_argument("--file", required=True, help="the export of the report, or Parquet")
    parser.add_argument("--out", required=True, help="the root: a folder or a uri")
    arguments = parser.parse_args()
    return status_of(
        lambda: words(import_reviews(arguments.file, arguments.out)),
        "the reviews were not imported",
    )


def words(imported: Imported) -> list[str]:
    """What was imported, a line for each fact."""
    lines = [
        f"reviews: {imported.same:,} same, {imported.different:,} different, "
        f"{imported.withdrawn:,} withdrawn"
    ]
    if not imported.is_new:
        lines.append("the table has all of this already; nothing was written")
    if imported.unknown:
        are, wait = ("is", "it waits") if imported.unknown == 1 else ("are", "they wait")
        lines.append(f"{imported.unknown:,} {are} of images that are not there; {wait} for them")
    if imported.contradicting:
        pairs_are = "pair is" if imported.contradicting == 1 else "pairs are"
        lines.append(
            f"{imported.contradicting:,} {pairs_are} called different, though a chain of reviews "
            "says the same; the two images of a pair stay apart"
        )
    return [*lines, "the next run honours all reviews of the table"]


if __name__ == "__main__":
    sys.exit(main())
