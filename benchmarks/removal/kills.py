"""Kills a command in this process, before a chosen step on the file system, for good."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_STEPS = {"open", "os.mkdir", "os.rename", "os.link", "os.remove", "os.rmdir", "os.truncate"}


class Killed(BaseException):
    """Nothing catches it, as nothing outlives kill -9."""


class _Killer:
    """A hook that Python calls before such a step. From one step on it lets none below pass."""

    left: int | None = None
    folder = ""

    def __call__(self, event: str, arguments: tuple[object, ...]) -> None:
        """Count a step below the folder, by its path or by a handle."""
        if self.left is None or event not in _STEPS:
            return
        if self.folder in str(arguments[0]) or isinstance(arguments[0], int):
            self.left -= 1
            if self.left < 0:
                raise Killed


_KILLER = _Killer()
sys.addaudithook(_KILLER)  # a hook cannot be taken back, so one serves all


@contextmanager
def killed(folder: Path, before: int | None) -> Iterator[None]:
    """Raise Killed before step number `before` below `folder`, and at all that follow; None: never.

    What runs after the exception, such as `finally`, changes nothing on the file system either.
    """
    _KILLER.folder, _KILLER.left = str(folder), before
    try:
        yield
    finally:
        _KILLER.left = None
