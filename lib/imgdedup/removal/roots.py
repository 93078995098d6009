"""A root as the commands see it: its texts, and the lock that runs hold, without Spark."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from pyarrow import fs

from imgdedup.console import say
from imgdedup.errors import TryAgain
from imgdedup.lake import Busy, LocalFiles, Texts, exclusive
from imgdedup.report.tables import file_system

PRIVATE = ".imgdedup"  # as the lake has it
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
    # A run takes a root that is written as a uri for a store, and leases its locks.
    is_plain = isinstance(system, fs.LocalFileSystem) and location[:5].lower() != "file:"
    return Root(location, system, folder, LocalFiles() if is_plain else StoreTexts(system))


@contextmanager
def alone(root: Root, command: str) -> Iterator[Callable[[], None]]:
    """Be the only one who works on the root inside the block; no run writes to it meanwhile.

    Gives a function that raises Busy when the lock was lost. Raises TryAgain while a run or another
    command works on the root, and when a killed run has left half of a commit.
    """
    private = f"{root.folder}/{PRIVATE}"
    with _held(root, f"{private}/writer.lock", command) as require_held:
        for name in root.texts.names(f"{private}/locks"):  # scan and embed hold these
            with _held(root, f"{private}/locks/{name}", command):
                pass
        if root.texts.read(f"{private}/journal.json") is not None:
            raise TryAgain(
                f"a run on {root.location} was killed while it published: run it again first"
            )
        yield require_held


@contextmanager
def _held(root: Root, path: str, command: str) -> Iterator[Callable[[], None]]:
    patience = 0.0 if isinstance(root.texts, LocalFiles) else _DEAD
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
    """Small files of text in a file system of Arrow."""

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
        """Write or replace a file. In a store a new object appears whole."""
        if isinstance(self._system, fs.LocalFileSystem):
            LocalFiles().write(path, text)
            return
        with self._system.open_output_stream(path, compression=None) as stream:
            stream.write(text.encode())

    def create(self, path: str, text: str) -> bool:
        """Write a new file; False when the file exists already."""
        if isinstance(self._system, fs.LocalFileSystem):
            return LocalFiles().create(path, text)
        if self._system.get_file_info(path).type != fs.FileType.NotFound:
            return False
        self.write(path, text)
        return True

    def delete(self, path: str) -> None:
        """Delete a file."""
        if self._system.get_file_info(path).type != fs.FileType.NotFound:
            self._system.delete_file(path)
