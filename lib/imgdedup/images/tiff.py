"""The directories of a TIFF file, read from its bytes: its pages, and what marks a camera raw.

A TIFF is a chain of directories, each of which describes one picture. A chain may have millions of
directories, or meet itself. Pillow would read each directory in full.
"""

from collections.abc import Iterator
from struct import error, iter_unpack, unpack_from
from typing import NamedTuple

_ORDERS = {b"II": "<", b"MM": ">"}
_CLASSIC, _BIG = 42, 43  # the version of a file: places of 4 or 8 bytes
_SHORT = 3  # a type of values: two bytes
_MOST_ENTRIES = 1000  # of one directory that are read; a camera writes about a hundred
_MOST_INNER = 10
_MOST_TEXT = 40  # bytes
_KIND, _COMPRESSION, _COLOURS, _MAKE, _INNER, _DNG = 254, 259, 262, 271, 330, 50706
_REDUCED, _MASK = 1, 4  # bits of the kind: another form of a picture, no page of its own
_OF_A_SENSOR = (32803, 34892)  # colours: CFA, LinearRaw
_OF_CAMERAS = (34713, 32767, 65535)  # compressions that only Nikon, Sony and Pentax write
_CANON = b"CR"
_BEYOND = (error, OverflowError)


class _Entry(NamedTuple):
    length: int  # how many values
    number: int  # the value, or the place of the values


class _Directories:
    """Reads directories at places in the data. Raises _BEYOND at places beyond the end."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._order = _ORDERS[data[:2]]
        self._is_big = _BIG in data[2:4]
        self._place = self._order + ("Q" if self._is_big else "I")
        self._entry = self._order + ("HHQ8s" if self._is_big else "HHI4s")
        self._size = 20 if self._is_big else 12
        self.first = self.place_at(8 if self._is_big else 4)

    def place_at(self, place: int) -> int:
        """The place that is written at a place."""
        return int(unpack_from(self._place, self._data, place)[0])

    def next_of(self, place: int) -> int:
        """The place of the directory after the one at `place`; 0 after the last."""
        count, start = self._entries(place)
        return self.place_at(start + count * self._size)

    def tags_of(self, place: int, most: int = _MOST_ENTRIES) -> dict[int, _Entry]:
        """The first `most` entries of a directory, by their tag."""
        count, start = self._entries(place)
        block = self._data[start : start + self._size * min(count, most)]
        whole = block[: len(block) - len(block) % self._size]
        found = {}
        for tag, kind, values, held in iter_unpack(self._entry, whole):
            is_short = kind == _SHORT and values == 1
            form = self._order + "H" if is_short else self._place
            found[tag] = _Entry(values, unpack_from(form, held)[0])
        return found

    def inner_of(self, entry: _Entry) -> Iterator[dict[int, _Entry]]:
        """Yield the entries of the directories that an entry names."""
        if entry.length == 1:
            yield self.tags_of(entry.number)
            return
        width = 8 if self._is_big else 4
        for number in range(min(entry.length, _MOST_INNER)):
            yield self.tags_of(self.place_at(entry.number + number * width))

    def text_of(self, entry: _Entry) -> str:
        """The text of an entry, as far as it is printable ASCII."""
        found = self._data[entry.number : entry.number + min(entry.length, _MOST_TEXT)]
        text = found.split(b"\0")[0].decode("ascii", "replace")
        return "".join(letter for letter in text if letter.isascii() and letter.isprintable())

    def _entries(self, place: int) -> tuple[int, int]:
        """How many entries a directory has, and where they begin."""
        if self._is_big:
            return self.place_at(place), place + 8
        return unpack_from(self._order + "H", self._data, place)[0], place + 2


def pages(data: bytes, most: int) -> list[int]:
    """The numbers of the directories, of the first `most`, that are pages. The first one always is.

    Smaller forms of a page (levels of a pyramid, thumbnails) and masks are no pages. The chain ends
    where it is damaged, and where it meets itself.
    """
    found: list[int] = []
    seen: set[int] = set()
    try:
        directories = _Directories(data)
        place = directories.first
        while place and place not in seen and len(seen) < most:
            tags = directories.tags_of(place, most=1)  # entries stand in the order of their tags
            kind = tags[_KIND].number if _KIND in tags else 0
            if not found or not kind & (_REDUCED | _MASK):
                found.append(len(seen))
            seen.add(place)
            place = directories.next_of(place)
    except (*_BEYOND, KeyError):
        pass
    return found or [0]


def name_of_raw(data: bytes) -> str | None:
    """The name of a camera raw that has the form of a TIFF; None for all other data.

    Its first directory is often a small preview, which must not pass for the picture.
    """
    if data[:2] not in _ORDERS or not {_CLASSIC, _BIG} & set(data[2:4]):
        return None
    if data[8:10] == _CANON:
        return "Canon CR2"
    try:
        directories = _Directories(data)
        tags = directories.tags_of(directories.first)
        if _DNG in tags:
            return "DNG"
        inner = list(directories.inner_of(tags[_INNER])) if _INNER in tags else []
        if _MAKE not in tags or not _is_raw(tags, inner):
            return None
        return directories.text_of(tags[_MAKE]) or "no name"
    except _BEYOND:
        return None


def _is_raw(tags: dict[int, _Entry], inner: list[dict[int, _Entry]]) -> bool:
    """Whether a camera's file holds what a sensor saw, or shows a preview of what is inside."""
    nothing = _Entry(0, 0)
    if inner and tags.get(_KIND, nothing).number & _REDUCED:
        return True
    return any(
        found.get(_COLOURS, nothing).number in _OF_A_SENSOR
        or found.get(_COMPRESSION, nothing).number in _OF_CAMERAS
        for found in (tags, *inner)
    )
