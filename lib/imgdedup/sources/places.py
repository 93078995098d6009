"""Where a file really is, whatever it was called: links, hard links, spellings of one uri.

Two names of one file have one key, or one inode.
"""

import os
import posixpath
import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

_ESCAPE = re.compile(r"%([0-9A-Fa-f]{2})")
_UNRESERVED = re.compile(r"[A-Za-z0-9._~-]")  # RFC 3986, 2.3: escaped or not, they mean the same
# What a server may take for something else when it is escaped.
RESERVED = "/?%:@!$&'()*+,;=~-._[]"

# The name of the folders that removed images wait in. A scan never enters them.
QUARANTINE = ".imgdedup-quarantine"


@dataclass(frozen=True)
class Place:
    """Where a file is."""

    key: str  # a uri in its normal form; of a local file that of its real path; "": no file
    inode: str | None = None  # device and number of a local file that has several hard links
    is_link: bool = False  # the path leads there through a symbolic link

    def of_member(self, name: str) -> "Place":
        """The place of a member of the archive that is here, by its name in its normal form."""
        mark = f"#{quote(os.fsencode(name))}"
        return Place(self.key + mark, self.inode and self.inode + mark, self.is_link)


NO_FILE = Place("")


@dataclass(frozen=True)
class File:
    """The bytes of a file, and where it is."""

    data: bytes
    place: Place


def place_of(handle: int, path: str) -> Place:
    """The place of an open local file, which was opened by `path`."""
    spelled = os.path.abspath(path)
    try:
        real = os.readlink(f"/proc/self/fd/{handle}")
    except OSError:  # the path is longer than the system reports
        real = spelled
    status = os.fstat(handle)
    inode = f"{status.st_dev}:{status.st_ino}" if status.st_nlink > 1 else None
    return Place(Path(real).as_uri(), inode, real != spelled)


def normal_path(path: str) -> str:
    """A path without empty, `.` and `..` segments; a slash at its end stays."""
    normal = posixpath.normpath(f"/{path.lstrip('/')}")
    return f"{normal}/" if path.endswith("/") and normal != "/" else normal


def normal_target(target: str) -> str:
    """The path and query of an http uri in their normal form; the fragment is left out."""
    path, mark, query = target.partition("#")[0].partition("?")
    path, query = (_ESCAPE.sub(_escape, quote(part, safe=RESERVED)) for part in (path, query))
    return f"{normal_path(path)}{mark}{query}"


def _escape(found: re.Match[str]) -> str:
    sign = chr(int(found[1], 16))
    return sign if _UNRESERVED.fullmatch(sign) else found[0].upper()
