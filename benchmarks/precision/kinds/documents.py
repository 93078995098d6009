"""Documents of which only numbers differ: invoices, receipts and tables, rendered."""

from collections.abc import Callable
from functools import partial

from numpy.random import Generator

from benchmarks.precision.kinds.layouts import (
    Layout,
    invoice,
    receipt,
    table,
    with_other_digit,
    with_other_numbers,
)
from benchmarks.precision.kinds.pairs import DOCUMENTS, OWN, Kind, Pair, Sources, two_files
from benchmarks.precision.kinds.text import any_face

LAYOUTS: dict[str, Callable[[Generator], Layout]] = {
    "invoice": invoice,
    "receipt": receipt,
    "table": table,
}
_CHANGES = {"one digit": with_other_digit, "several numbers": with_other_numbers}


def pair(
    sources: Sources,
    rng: Generator,
    layout: Callable[[Generator], Layout],
    change: Callable[[Layout, Generator], Layout],
) -> Pair:
    """Two documents in one layout and font; the second has other numbers."""
    page, face = layout(rng), any_face(rng)
    other = change(page, rng)
    return two_files(page.drawn(face), other.drawn(face), rng, face)


KINDS = tuple(
    Kind(
        f"{name}, {what}",
        partial(pair, layout=layout, change=change),
        base=OWN,
        every=2,
        aim=DOCUMENTS,
    )
    for name, layout in LAYOUTS.items()
    for what, change in _CHANGES.items()
)
