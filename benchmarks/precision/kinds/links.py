"""One file by two names: a link, beside the file that it leads to."""

from numpy.random import Generator

from benchmarks.precision.kinds.pairs import OWN, SAME_FILE, Kind, Pair, Sources, Stored, drawn_jpeg


def linked(sources: Sources, rng: Generator) -> Pair:
    """A photograph that nothing else shows, and a link to its file."""
    return Pair(drawn_jpeg(sources.other, rng), Stored(b"", ".jpg", is_link=True))


KINDS = (Kind("link to a file", linked, base=OWN, every=4, aim=SAME_FILE),)
