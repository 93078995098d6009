"""Known contents: looking them up, and the days that rows are taken from."""

import hashlib

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from imgdedup.relations.prefixes import NO_PREFIXES, SharedPrefixes, holds
from imgdedup.stages.embed.reuse import Known, choose_days
from tests.unit.stages.given import Given

# Some end in zero bytes, which numpy's strings drop.
DIGESTS = st.one_of(
    st.binary(min_size=32, max_size=32),
    st.integers(0, 300).map(lambda number: number.to_bytes(2, "big") + bytes(30)),
    st.integers(0, 50).map(lambda number: hashlib.sha256(bytes([number])).digest()),
)
DAYS = st.dates().map(str)


@given(st.sets(DIGESTS, max_size=40), st.lists(DIGESTS, max_size=40))
def test_the_given_contents_are_known_and_no_others(known: set[bytes], asked: list[bytes]) -> None:
    prefixes = np.sort(np.array([digest[:16] for digest in known], NO_PREFIXES.dtype))
    starts = {digest[:16] for digest in known}
    for digest in [*known, *asked]:
        assert holds(prefixes, digest) == (digest[:16] in starts)


def test_each_model_knows_its_own_contents() -> None:
    known = Known({"a": Given.of(b"1", b"2"), "b": Given.of(b"3")})
    assert len(known) == 3
    assert list(known.by("b")) == [b"3"]
    assert len(known.by("another")) == 0
    assert not Known()
    assert not Known({"a": SharedPrefixes()})


@given(st.dictionaries(DAYS, st.integers(1, 50), max_size=12), DAYS, st.integers(0, 300))
def test_the_day_itself_comes_first_then_the_latest_while_they_fit(
    counts: dict[str, int], dt: str, most: int
) -> None:
    days = choose_days(counts, dt, most)
    in_order = ([dt] if dt in counts else []) + sorted(counts.keys() - {dt}, reverse=True)
    assert days == in_order[: len(days)]
    assert sum(counts[day] for day in days) <= most
    if len(days) < len(counts):
        assert sum(counts[day] for day in in_order[: len(days) + 1]) > most
