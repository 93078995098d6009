"""Fills a collection on a Milvus server: large differences by import jobs, small ones by upsert.

An import that is made twice leaves every row twice, and nothing in Milvus prevents that. So an
import gets only keys that the collection lacks. It is noted in the storage before it begins. The
next run finds the note of a killed one, and waits for its jobs before it compares anything.
"""

import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

from pymilvus import MilvusException

from imgdedup.config import MilvusConfig
from imgdedup.console import say
from imgdedup.errors import TryAgain, UserError
from imgdedup.milvus.client import Collection, CollectionAddress, MilvusCollection
from imgdedup.milvus.jobs import ImportJobs, jobs_of
from imgdedup.milvus.storage import ImportRecord, ImportStorage

_AT_ONCE = 4  # jobs that the server has at a time; it gives each 15 minutes from its start
_PAUSE = 0.5  # seconds between two questions
_SAY_EVERY = 15.0  # seconds between two lines
_MENDED_AT_ONCE = 1000  # vectors


def settle(collection: MilvusCollection, address: CollectionAddress) -> None:
    """Wait for the imports that a killed run left, until the collection shows their vectors.

    Without a storage no run imports. Raises TryAgain when the jobs take too long.
    """
    if address.server is None or not address.server.import_storage:
        return
    importing = Importing.of(collection, address, address.server)
    with _answering(address.uri):
        importing.settle()


def mend_repeated(collection: Collection, keys: int) -> int:
    """Leave one vector of each key, where the collection has more vectors than its `keys` keys.

    Returns the number of vectors that were too many.
    """
    more = collection.count() - keys
    if more <= 0:
        return 0
    repeated = collection.repeated()
    for start in range(0, len(repeated), _MENDED_AT_ONCE):
        some = repeated[start : start + _MENDED_AT_ONCE]
        collection.upsert(some, collection.vectors(some))
    collection.flush()
    say(f"index: the collection had {more:,} vectors too many, and has one for each content now")
    return more


def require_importing(rows: int, config: MilvusConfig) -> None:
    """Raise UserError when so many vectors have to be imported, and there is no storage for it."""
    if not config.import_storage:
        raise UserError(
            f"{rows:,} vectors are new, and more than milvus.upsert_rows = {config.upsert_rows:,} "
            "are imported from files: set milvus.import_storage to a place that the executors and "
            "the Milvus server reach"
        )


def import_files(address: CollectionAddress, config: MilvusConfig, files: Mapping[str, int]) -> int:
    """Import files of the storage (their rows, by name); returns the rows.

    Ends when the collection shows all rows. A failed job raises TryAgain or UserError with the
    server's reason.
    """
    with _answering(address.uri):
        collection = address.connect()
        try:
            return Importing.of(collection, address, config).run(files)
        finally:
            collection.close()


class Loadable(Collection, Protocol):
    """A collection that a server loads."""

    def load(self, *, again: bool = False) -> None:
        """Load the collection. `again` shows what the loaded one does not yet show."""

    def release(self) -> None:
        """Let the server forget the loaded collection, which then cannot be searched."""


@dataclass
class Importing:
    """The imports into one collection."""

    collection: Loadable
    jobs: ImportJobs
    storage: ImportStorage
    timeout: float

    @classmethod
    def of(
        cls, collection: MilvusCollection, address: CollectionAddress, config: MilvusConfig
    ) -> "Importing":
        """The imports that a configuration describes."""
        storage = ImportStorage(config, address.collection)
        jobs = jobs_of(collection.client, address)
        return cls(collection, jobs, storage, config.import_timeout)

    def settle(self) -> None:
        """See the function `settle`."""
        noted, left = self.storage.begun(), self.jobs.unfinished()
        if not left and not noted:
            return
        say(f"index: an earlier run began an import, and {len(left):,} of its jobs go on")
        self._follow(dict.fromkeys(left, ""), {}, "", time.monotonic() + self.timeout)
        # What was imported shows in a loaded collection only some seconds later.
        self.collection.load(again=True)
        if noted:
            self.storage.clear()

    def run(self, files: Mapping[str, int]) -> int:
        """See `import_files`."""
        rows, ends = sum(files.values()), time.monotonic() + self.timeout
        before = self.collection.count()
        attempt = uuid.uuid4().hex
        self.storage.begin(ImportRecord(attempt, files))
        if not before:
            self.collection.release()  # an import is faster into what is not loaded
        failures = self._follow({}, files, attempt, ends)
        self.collection.load()
        if failures:  # the note stays: what other jobs imported may show later
            name, reason = next(iter(failures.items()))
            raise _failure(self.storage.path_for_server(name), reason, len(failures))
        self._await_rows(before + rows, ends)
        self.storage.clear()
        return rows

    def _follow(
        self, running: dict[str, str], files: Mapping[str, int], attempt: str, ends: float
    ) -> dict[str, str]:
        """Start a job for each file, and wait for all jobs; `running` are those that run already.

        Returns the server's reason for each file that failed. After a failure no job is started.
        """
        waiting, failures, done, said = list(files), dict[str, str](), 0, time.monotonic()
        while waiting or running:
            while waiting and len(running) < _AT_ONCE and not failures:
                name = waiting.pop(0)
                job = self.jobs.start(self.storage.path_for_server(name), f"{attempt}-{name}")
                running[job] = name
            if failures:
                waiting.clear()
            percents = []
            for job, name in list(running.items()):
                found = self.jobs.progress(job)
                percents.append(found.percent)
                if found.ended:
                    done += files.get(name, 0)
                    del running[job]
                if found.failed and name:
                    failures[name] = found.failed
            if running and time.monotonic() > ends:
                raise _late(len(running) + len(waiting), self.timeout)
            if running and time.monotonic() > said + _SAY_EVERY:
                said = time.monotonic()
                say(_progress_words(len(waiting), percents, done, sum(files.values())))
            if running:
                time.sleep(_PAUSE)
        return failures

    def _await_rows(self, rows: int, ends: float) -> None:
        """Wait until the collection shows so many vectors, or more."""
        said = time.monotonic()
        while (shown := self.collection.count()) < rows:
            if time.monotonic() > ends:
                raise TryAgain(
                    f"the import has ended, but Milvus shows {shown:,} of {rows:,} vectors after "
                    f"{self.timeout:g} s (milvus.import_timeout): run index again"
                )
            if time.monotonic() > said + _SAY_EVERY:
                said = time.monotonic()
                say(f"index: imported; Milvus shows {shown:,} of {rows:,} vectors so far")
            time.sleep(_PAUSE)


def _progress_words(waiting: int, percents: list[int], done: int, rows: int) -> str:
    of = f", {done:,} of {rows:,} vectors are in" if rows else ""
    running = ", ".join(f"{percent} %" for percent in percents)
    return f"index: import jobs at {running}; {waiting:,} wait{of}"


def _late(left: int, timeout: float) -> TryAgain:
    return TryAgain(
        f"{left:,} import jobs have not ended after {timeout:g} s (milvus.import_timeout): run "
        "index again, which waits for those that go on"
    )


def _failure(path: str, reason: str, failures: int) -> Exception:
    more = f" ({failures - 1:,} more failed)" if failures > 1 else ""
    unseen = ("no such file", "not found", "NoSuchKey", "permission denied", "AccessDenied")
    if any(words.lower() in reason.lower() for words in unseen):
        return UserError(
            f"Milvus cannot read {path} ({reason}){more}: milvus.import_storage must be a place "
            "that the server reaches, and milvus.import_prefix what the server calls it"
        )
    return TryAgain(f"Milvus did not import {path}: {reason}{more}: run index again")


@contextmanager
def _answering(uri: str) -> Iterator[None]:
    """Raise TryAgain in one line when the server fails or goes away."""
    try:
        yield
    except MilvusException as error:
        said = " ".join(str(error.message).split())
        raise TryAgain(
            f"Milvus at {uri} failed during an import ({said}): run index again, which waits for "
            "the jobs that go on"
        ) from None
