"""Two days of real photographs, edited copies and broken files."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import pytest

from imgdedup.corpora import corpus
from imgdedup.corpora.corpus import Truth
from tests.pipeline.jobs import Jobs

FIRST, SECOND = "2026-01-01", "2026-01-02"


class Photos(NamedTuple):
    """The corpus: its folder, with one folder for each day in it, and what each file is."""

    folder: Path
    truth: Sequence[Truth]

    def manifest(self) -> str:
        """The location of a day's images, as an operator writes it."""
        return f"{self.folder}/{{dt}}"

    def of(self, dt: str) -> dict[str, Truth]:
        """What each file of a day is, by its image_id."""
        return {truth.image_id: truth for truth in self.truth if truth.dt == dt}


@pytest.fixture(scope="session")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Photos:
    """A part of the demo's corpus, small enough for a test."""
    folder = tmp_path_factory.mktemp("photos") / "images"
    edited = {name: corpus.EDITED_PHOTOS[name] for name in ("coffee", "cat", "rocket")}
    lone = {name: corpus.LONE_PHOTOS[name] for name in ("page", "clock")}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(corpus, "EDITED_PHOTOS", edited)
        patch.setattr(corpus, "LONE_PHOTOS", lone)
        truth = corpus.ensure(folder, [FIRST, SECOND])
    return Photos(folder, truth)


@pytest.fixture(scope="session")
def in_one_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Jobs]:
    with (tmp_path_factory.mktemp("jobs") / "stderr").open("w") as log:
        jobs = Jobs(log)
        yield jobs
        jobs.close()
