"""All kinds of pairs."""

from benchmarks.precision import (
    bursts,
    colouring,
    copies,
    documents,
    drawings,
    objects,
    receipts,
    screens,
    sequences,
)
from benchmarks.precision.pairs import Kind

KINDS: tuple[Kind, ...] = (
    *objects.KINDS,
    *documents.KINDS,
    *receipts.KINDS,
    *screens.KINDS,
    *sequences.KINDS,
    *colouring.KINDS,
    *drawings.KINDS,
    *bursts.KINDS,
    *copies.KINDS,
)
