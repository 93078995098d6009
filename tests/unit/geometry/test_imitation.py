"""Edits that are imitated: their copies are accepted, and look-alikes with such an edit are not."""

import numpy as np
import pytest
from PIL import Image

from imgdedup.corpora.edits import Edited, jpeg, resize
from imgdedup.corpora.strong_edits import STRONG
from imgdedup.geometry.agreement import agreement, share
from imgdedup.geometry.comparison import compare
from imgdedup.geometry.imitation import imitations
from tests.pictures import SETTINGS, described, described_copy, photograph

EDITS = ["posterise", "colour", "tiny-jpeg"]


def lookalike(other: str | None) -> Image.Image:
    """A photograph, with part of another photograph in its middle."""
    picture = photograph("motorcycle").copy()
    width, height = picture.size
    if other is not None:
        patch = photograph(other).convert("RGB").resize((width // 3, height // 3))
        picture.paste(patch, (width // 3, height // 3))
    return picture


def edited(picture: Image.Image, edit: str) -> Edited:
    return STRONG[edit](picture, np.random.default_rng(1))


@pytest.mark.parametrize("edit", [*EDITS, "text"])
@pytest.mark.parametrize("other", ["astronaut", "coffee"])
def test_an_edited_copy_of_a_look_alike_is_no_copy(edit: str, other: str) -> None:
    one, another = lookalike(None), lookalike(other)
    assert compare(
        described(another), described_copy(edited(another, edit)), SETTINGS.verify
    ).duplicate
    for picture, seen in ((one, another), (another, one)):
        copy = described_copy(edited(picture, edit))
        assert not compare(described(seen), copy, SETTINGS.verify).duplicate
        assert not compare(copy, described(seen), SETTINGS.verify).duplicate


@pytest.mark.parametrize("edit", EDITS)
def test_a_picture_with_the_imitated_edit_agrees_better(edit: str) -> None:
    left = described(photograph("motorcycle"))
    right = described_copy(edited(photograph("motorcycle"), edit))
    height, width = left.luma.shape
    down, across = right.luma.shape
    scale = np.array([across / width, down / height])
    matrix = np.diag([*scale, 1.0])
    matrix[:2, 2] = (scale - 1) / 2  # pixel centres lie at whole numbers
    shared = share(left.luma, right.luma, matrix)
    assert shared is not None
    plainly = agreement(shared)
    imitated = [agreement(each) for each in imitations(left, right, matrix, shared)]
    assert plainly is not None
    best = max(found.worst for found in imitated if found is not None)
    assert best >= SETTINGS.verify.imitated_worst
    assert best > plainly.worst


def test_tiny_pictures_are_too_few_pixels_to_estimate_an_edit() -> None:
    tiny = {name: photograph(name).resize((40, 30)) for name in ("cat", "coffee")}
    assert not compare(
        described(resize(tiny["cat"], 1.0), jpeg(5)), described(tiny["coffee"]), SETTINGS.verify
    ).duplicate
