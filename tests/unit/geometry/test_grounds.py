"""Which looks of two pictures must agree, when pictures show on one ground or on two."""

import pytest
from PIL import Image

from imgdedup.geometry.grounds import compare_on_grounds
from imgdedup.geometry.picture import Picture
from tests.drawings import scene
from tests.pictures import SETTINGS, described

LOOKS = {name: described(scene(seed)) for seed, name in enumerate("abcd")}


def picture(looks: str) -> Picture:
    """A picture that looks like one scene, or like two on its two grounds."""
    first, *others = (LOOKS[name] for name in looks)
    second = others[0] if others else None
    return Picture(first.thumbnail, first.width, first.height, first.packed, second)


@pytest.mark.parametrize(
    ("left", "right", "copies"),
    [
        ("a", "a", True),
        ("a", "b", False),
        ("ab", "a", True),
        ("ab", "b", True),
        ("ab", "c", False),
        ("ab", "ab", True),
        ("ab", "ac", False),
        ("ab", "cb", False),
        ("ab", "ba", True),
        ("ab", "bc", False),
    ],
)
def test_one_look_is_enough_for_a_picture_of_one_ground_and_two_must_agree(
    left: str, right: str, copies: bool
) -> None:
    for one, other in ((left, right), (right, left)):
        found = compare_on_grounds(picture(one), picture(other), SETTINGS.verify)
        assert found.duplicate == copies
        assert (found.explanation is not None) == copies


def test_the_verdict_is_that_of_the_looks_that_agree() -> None:
    small = described(scene(1).resize((200, 150), Image.Resampling.LANCZOS))
    found = compare_on_grounds(picture("ab"), small, SETTINGS.verify)
    assert found.explanation is not None
    assert found.explanation.edit == "resized 0.50x"
