"""Names of images as text of a terminal: names may hold anything."""

import unicodedata
from collections.abc import Iterator, Sequence

from imgdedup.report.wording import visible


def shown(name: str, width: int) -> str:
    """A name as one line of at most `width` columns of a terminal, without control characters.

    Such characters become escapes. A longer name loses its middle, since both ends tell most.
    """
    parts = [visible(each) for each in name]
    if sum(map(_columns, parts)) <= width:
        return "".join(parts)
    left = _fitting(parts, (width - 3) // 2)
    right = _fitting(parts[::-1], width - 3 - (width - 3) // 2)
    return "".join([*left, "...", *reversed(right)])


def _fitting(parts: Sequence[str], width: int) -> list[str]:
    """As many of the first parts as `width` columns hold."""

    def within() -> Iterator[str]:
        left = width
        for part in parts:
            left -= _columns(part)
            if left < 0:
                return
            yield part

    return list(within())


def _columns(part: str) -> int:
    """The most columns of a character or an escape; a wide character of East Asia takes two."""
    return 2 if unicodedata.east_asian_width(part[0]) in "WF" else len(part)
