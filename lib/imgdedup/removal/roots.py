"""A root as the commands see it: its texts, and the lock that runs hold, without Spark."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from pyarrow import fs

from imgdedup.console import say
from imgdedup.errors import TryAgain
from imgdedup.lake import JOURNAL, LOCK, LOCKS, Busy, LocalFiles, Texts, exclusive
from imgdedup.report.tables import file_system

_DEAD = 200.0  # seconds of waiting that show that the owner of a lease is gone


@dataclass(frozen=True)
class Root:
    """The folder or prefix that holds the tables."""

    location: str  # as the user gave it
    system: fs.FileSystem
    folder: str  # its path in `system`
    texts: Texts

    @property
    def is_local(self) -> bool:
        """Whether the root is a folder of this machine."""
        return isinstance(self.system, fs.LocalFileSystem)


def root_of(location: str) -> Root:
    """The root at a path or uri; UserError when nothing reads it."""
    system, folder = file_system(location)
    is_local = isinstance(system, fs.LocalFileSystem)
    return Root(location, system, folder, LocalFiles() if is_local else StoreTexts(system))


@contextmanager
def alone(root: Root, command: str) -> Iterator[Callable[[], None]]:
    """Be the only one who works on the root inside the block; no run writes to it meanwhile.

    Gives a function that raises Busy when the lock was lost. Raises TryAgain while a run or another
    command works on the root, and when a killed run has left half of a commit.
    """
    with _held(root, f"{root.folder}/{LOCK}", command) as require_held:
        for name in root.texts.names(f"{root.folder}/{LOCKS}"):  # scan and embed hold these
            with _held(root, f"{root.folder}/{LOCKS}/{name}", command):
                pass
        if root.texts.read(f"{root.folder}/{JOURNAL}") is not None:
            raise TryAgain(
                f"a run on {root.location} was killed while it published: run it again first"
            )
        yield require_held


@contextmanager
def _held(root: Root, path: str, command: str) -> Iterator[Callable[[], None]]:
    patience = 0.0 if root.is_local else _DEAD
    took = False
    try:
        with exclusive(root.texts, path, command, patience) as require_held:
            took = True
            yield require_held
    except Busy as busy:
        if took:
            raise
        say(str(busy).partition(": run again")[0])  # the rest is for runs
        raise TryAgain(
            f"a run or another command works on {root.location}: {command} again when it has ended"
        ) from None


class StoreTexts:
    """Small files of text in an object store."""

    renames = False

    def __init__(self, system: fs.FileSystem) -> None:
        self._system = system

    def names(self, folder: str) -> list[str]:
        """The sorted names in a folder; no names when there is none."""
        if self._system.get_file_info(folder).type != fs.FileType.Directory:
            return []
        chosen = fs.FileSelector(folder, allow_not_found=True)
        return sorted(info.base_name for info in self._system.get_file_info(chosen))

    def read(self, path: str) -> str | None:
        """The text of a file; None when it is missing."""
        try:
            with self._system.open_input_stream(path, compression=None) as stream:
                return bytes(stream.read()).decode()
        except FileNotFoundError:
            return None

    def write(self, path: str, text: str) -> None:
        """Write or replace an object. A new one appears whole."""
        with self._system.open_output_stream(path, compression=None) as stream:
            stream.write(text.encode())

    def create(self, path: str, text: str) -> bool:
        """Write a new file; False when the file exists already."""
        if self._system.get_file_info(path).type != fs.FileType.NotFound:
            return False
        self.write(path, text)
        return True

    def delete(self, path: str) -> None:
        """Delete a file."""
        if self._system.get_file_info(path).type != fs.FileType.NotFound:
            self._system.delete_file(path)
