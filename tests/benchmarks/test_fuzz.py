"""Every damaged image file is decoded, or fails with a code."""

import os
import time
from functools import partial
from pathlib import Path

import pytest

from benchmarks.fuzz import hostile
from benchmarks.fuzz import trials as fuzz
from benchmarks.fuzz.specimens import specimens
from benchmarks.fuzz.trials import CRASHED, DECODED, HUNG, RAISED, Trial
from imgdedup import config
from imgdedup.errors import FAILURES, ImageFailure

SETTINGS = config.load(Path(__file__).parents[2] / "conf", "local", {}).embed
FILES = 400


@pytest.fixture(scope="module")
def found() -> list[Trial]:
    return sorted(
        fuzz.trials(FILES, 0, partial(fuzz.decode_as_embed, SETTINGS), 1),
        key=lambda trial: trial.number,
    )


def test_every_file_is_decoded_or_fails_with_a_code(found: list[Trial]) -> None:
    assert [trial.number for trial in found] == list(range(FILES))
    wrong = [trial for trial in found if trial.outcome not in {DECODED, *FAILURES}]
    assert wrong == []


def test_sound_pictures_are_decoded_and_hostile_files_are_not(found: list[Trial]) -> None:
    outcomes = {trial.specimen: trial.outcome for trial in found[: len(specimens())]}
    refused = {name: outcome for name, outcome in outcomes.items() if outcome != DECODED}
    assert refused == {
        **dict.fromkeys(hostile.disguised(), "not_an_image"),
        **dict.fromkeys(hostile.vast(), "decompression_bomb"),
        **dict.fromkeys(hostile.costly().keys() & specimens().keys(), "decompression_bomb"),
    }


def test_damage_is_repeatable_and_of_all_kinds(found: list[Trial]) -> None:
    assert fuzz.specimen(0, 300) == fuzz.specimen(0, 300)
    assert fuzz.specimen(0, 300) != fuzz.specimen(1, 300)
    assert {DECODED, "not_an_image", "truncated", "corrupt"} <= {trial.outcome for trial in found}


def hurt_by_html(how: str) -> fuzz.Decode:
    """A decoder that aborts, hangs or raises on HTML."""

    def decode(data: bytes) -> object:
        if not data.startswith(b"<!doctype"):
            raise ImageFailure("corrupt", "")
        if how == "abort":
            os.abort()
        if how == "sleep":
            time.sleep(60)
        raise ZeroDivisionError(how)

    return decode


@pytest.mark.parametrize(
    ("how", "outcome"), [("abort", CRASHED), ("sleep", HUNG), ("raise", RAISED)]
)
def test_a_forbidden_outcome_is_counted_and_the_other_files_go_on(how: str, outcome: str) -> None:
    files = len(specimens())
    found = list(fuzz.trials(files, 0, partial(hurt_by_html, how), 1, seconds=2))
    assert len(found) == files
    outcomes = {trial.specimen: trial.outcome for trial in found}
    assert outcomes == {**dict.fromkeys(specimens(), "corrupt"), "HTML": outcome}
