"""Files that are read in parts, and the headers of archives, within a time limit."""

import io
import time
from abc import ABC, abstractmethod

_LEAST = 1 << 16  # bytes of the first read of a file that lies far away
_NEAR = 2 << 20  # bytes: reading them costs a store less time than another request


class Ranges(ABC):
    """An open file that gives any part of its bytes.

    `size` is that of the file. A read may take `window` bytes ahead of what is asked for.
    """

    def __init__(self, size: int, window: int) -> None:
        self.size, self.window = size, window

    def read_at(self, start: int, length: int) -> bytes:
        """The bytes from `start` on; fewer than `length` at the end of the file."""
        length = min(length, self.size - start)
        return self._read(start, length) if start >= 0 and length > 0 else b""

    @abstractmethod
    def _read(self, start: int, length: int) -> bytes:
        """Bytes that lie within the file."""


class Headers(io.RawIOBase):
    """A file for the libraries that read the headers of archives.

    Reads ahead more and more while the headers lie near each other. Raises TimeoutError once
    `ends` (of time.monotonic) has passed, and ValueError for a header of more than `most` bytes.
    """

    def __init__(self, file: Ranges, most: int, ends: float) -> None:
        self._file, self._most, self._ends = file, most, ends
        self._at = 0
        self._held, self._held_from = b"", 0
        self._window = min(_LEAST, file.window)
        self._fault: OSError | None = None

    def read(self, size: int = -1) -> bytes:
        """As `io.RawIOBase.read`."""
        left = max(0, self._file.size - self._at)
        size = left if size < 0 else min(size, left)
        if size > self._most:
            raise ValueError(f"a header of {size:,} bytes")
        if self._at < self._held_from or self._at + size > self._held_from + len(self._held):
            self._fill(size)
        start = self._at - self._held_from
        found = self._held[start : start + size]
        self._at += len(found)
        return found

    def check(self) -> None:
        """Raise the error of the file that a library has taken for the end of the file."""
        if self._fault is not None:
            raise self._fault

    def _fill(self, size: int) -> None:
        try:
            if time.monotonic() > self._ends:
                raise TimeoutError("the time for one object is over")
            self._held, self._held_from = self._ahead(size), self._at
        except OSError as error:
            self._fault = error
            raise

    def _ahead(self, size: int) -> bytes:
        if self._at - (self._held_from + len(self._held)) < _NEAR:
            self._window = min(2 * self._window, self._file.window)
        else:
            self._window = min(_LEAST, self._file.window)
        return self._file.read_at(self._at, max(size, self._window))

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """As `io.RawIOBase.seek`."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._file.size}[whence]
        if base + offset < 0:
            raise ValueError("a place before the file")
        self._at = base + offset
        return self._at

    def tell(self) -> int:
        """As `io.RawIOBase.tell`."""
        return self._at

    def seekable(self) -> bool:
        """As `io.RawIOBase.seekable`."""
        return True

    def readable(self) -> bool:
        """As `io.RawIOBase.readable`."""
        return True
