"""All kinds of pairs."""

from benchmarks.precision.kinds import (
    bursts,
    colouring,
    copies,
    documents,
    drawings,
    links,
    objects,
    receipts,
    screens,
    sequences,
)
from benchmarks.precision.kinds.pairs import Kind

KINDS: tuple[Kind, ...] = (
    *objects.KINDS,
    *documents.KINDS,
    *receipts.KINDS,
    *screens.KINDS,
    *sequences.KINDS,
    *colouring.KINDS,
    *drawings.KINDS,
    *bursts.KINDS,
    *links.KINDS,
    *copies.KINDS,
)

BY_NAME = {kind.name: kind for kind in KINDS}
