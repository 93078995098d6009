"""What the parameter `manifest` names: one place, several of them, or patterns of places.

A place is a path or a uri. In a pattern `*`, `?` and `[abc]` stand for parts of a name, `**` for
folders at any depth. A file or folder that is there under the whole text is never a pattern.
"""

import glob
import os
import re
from dataclasses import dataclass

from imgdedup.config import ScanConfig
from imgdedup.errors import Missing
from imgdedup.sources import local_path
from imgdedup.stages.scan.folders import is_file, walk

_NEXT = re.compile(r",(?=/|[A-Za-z][A-Za-z0-9+.-]*:)")  # a comma between two absolute places
_WILD = re.compile(r"[*?[]")


@dataclass(frozen=True)
class Place:
    """Files that a place names: `names` are relative to the folder `base`, in order."""

    base: str
    names: list[str]

    def path(self, name: str) -> str:
        """The path or uri of one of the names."""
        return f"{self.base}/{name}"


def split(location: str) -> list[str]:
    """The places of a list with commas; the location itself when it is one place."""
    return [location] if _is_there(location) else _NEXT.split(location)


def is_pattern(place: str) -> bool:
    """Tell whether a place is a pattern of places."""
    return _WILD.search(place) is not None and not _is_there(place)


def matching(pattern: str, config: ScanConfig) -> Place:
    """The files that a pattern names, and those below folders that it names.

    They are relative to the folder before the first wildcard. Raises Missing when there are none.
    """
    start = _WILD.search(pattern)
    base = pattern[: start.start() if start else None].rpartition("/")[0] or "/"
    if local_path(pattern) is not None:
        found = sorted(glob.glob(str(local_path(pattern)), recursive=True))
        root = str(local_path(base))
        names = [name for path in found for name in _below(root, path, config)]
    else:
        wanted = _regex(pattern[len(base) :].strip("/"))
        root, names = base, [n for n in walk(base, config).names if wanted.match(n)]
    if not names:
        raise Missing(f"nothing matches {pattern}")
    return Place(root, list(dict.fromkeys(names)))


def _below(root: str, path: str, config: ScanConfig) -> list[str]:
    relative = os.path.relpath(path, root)
    if is_file(path):
        return [relative]
    return [f"{relative}/{name}" for name in walk(path, config).names]


def _is_there(place: str) -> bool:
    path = local_path(place)
    return path is not None and os.path.exists(path)


def _regex(pattern: str) -> re.Pattern[str]:
    """What the names match that a pattern names, and the names of files in folders it names."""
    signs = {"**/": "(?:[^/]+/)*", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    found = re.sub(
        r"\*\*/|\*\*|\*|\?|\[[^]/]+\]|[^*?]",
        lambda sign: signs.get(sign[0]) or _literal(sign[0]),
        pattern,
    )
    return re.compile(f"{found}(?:/.*)?$", re.DOTALL)


def _literal(text: str) -> str:
    if len(text) > 1 and text[0] == "[":
        return "[" + text[1:].replace("\\", "\\\\").replace("!", "^", text[1] == "!")
    return re.escape(text)
