"""Members of archives: how a uri names one, and what a directory knows of each.

`shard.tar#dir/name.jpg` is the member `dir/name.jpg` of the archive `shard.tar`. The first `#`
after the ending of an archive begins the member.
"""

import posixpath
import re
import threading
from dataclasses import dataclass, field
from typing import NamedTuple

from imgdedup.errors import ImageFailure

MOST_MEMBERS = 1_000_000  # of one archive
# Where a uri or path begins to name a member: a regular expression of Python and of Java.
MEMBER_OF_ARCHIVE = r"(?i)\.(tar|zip|tar\.(?:gz|bz2|xz|zst|lz4)|tgz|tbz2?|txz|tzst|7z|rar)#"
_MARK = re.compile(MEMBER_OF_ARCHIVE)
_READ = {"tar", "zip"}


class Changed(Exception):
    """At the place of a member there is something else than its directory says."""


class Member(NamedTuple):
    """Where a member is within its archive, and how it is packed."""

    name: str  # in its normal form
    start: int  # of its header, in bytes
    header: int  # the bytes from there to its data; of a zip as far as its directory tells
    packed: int  # bytes of its data in the archive
    size: int  # bytes of its data when unpacked, as the archive says
    refusal: str = ""  # why it cannot be read
    is_deflated: bool = False
    crc: int = 0  # of a member of a zip


@dataclass
class Directory:
    """The members of an archive by their names. Only the holder of `lock` reads on."""

    members: dict[str, Member] = field(default_factory=dict)
    damage: str = ""  # why there may be other members
    position: int = 0  # the headers before it are read
    is_complete: bool = False
    is_second: bool = False  # made because the first one did not fit the archive
    lock: threading.Lock = field(default_factory=threading.Lock)

    def end(self, damage: str = "") -> None:
        """Record that there is no more to be read, and why there should be."""
        self.damage, self.is_complete = damage, True


def split(uri: str) -> tuple[str, str | None]:
    """A uri or path in two: that of the archive, and the name of the member or None."""
    found = _MARK.search(uri)
    return (uri[: found.end() - 1], uri[found.end() :]) if found else (uri, None)


def kind_of(archive: str) -> str:
    """The kind of an archive by the ending of its path: tar or zip.

    Raises ImageFailure unreadable for a kind of which no single member can be read.
    """
    found = _MARK.search(f"{archive}#")
    kind = found[1].lower() if found else ""
    if kind not in _READ:
        raise ImageFailure(
            "unreadable",
            f"{archive}: a member of a .{kind} can only be read with all that stand before it: "
            "unpack it, or make it a .tar or a .zip",
        )
    return kind


def normal_name(name: str) -> str:
    """The name of a member without empty, `.` and `..` segments, as unpacking would write it."""
    return posixpath.normpath(f"/{name.lstrip('/')}")[1:]
