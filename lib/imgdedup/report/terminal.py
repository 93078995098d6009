"""What commands print to a terminal: names, which may hold anything, and errors as one line."""

import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence

import duckdb
import pyarrow as pa

from imgdedup.console import say, visible
from imgdedup.errors import UserError, one_line


def status_of(
    work: Callable[[], Iterable[str]], failed: str, tell: Callable[[str], None] = say
) -> int:
    """Do the work of a command, tell the lines that it gives, and return the exit status.

    2 after a UserError, 1 when tables or the disk fail: then the line begins with `failed`.
    """
    try:
        lines = list(work())
    except UserError as error:
        say(f"error: {error}")
        return 2
    except (OSError, ValueError, duckdb.Error, pa.ArrowException) as error:
        say(f"error: {failed}: {one_line(error)}")
        return 1
    for line in lines:
        tell(line)
    return 0


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
