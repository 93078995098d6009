"""A verdict does not depend on which picture is left, nor on how a picture was saved."""

from collections.abc import Callable, Iterator
from itertools import pairwise

import numpy as np
import pytest
from PIL import Image, ImageDraw

from imgdedup.corpora.edits import PNG, Encoding, grayscale, jpeg, resize
from imgdedup.geometry.comparison import Verdict, compare
from imgdedup.geometry.grounds import compare_on_grounds
from imgdedup.geometry.picture import Picture
from tests.drawings import cut_out, kept, scene
from tests.pictures import SETTINGS, described

RULES = SETTINGS.verify
BITMAP = Encoding("BMP", ".bmp")


def covered(picture: Image.Image, share: float) -> Image.Image:
    """The picture with a box of another scene on it."""
    width, height = (round(side * share) for side in picture.size)
    other = picture.copy()
    other.paste(scene(99).crop((0, 0, width, height)), (40, 30))
    return other


def captioned(picture: Image.Image) -> Image.Image:
    other = picture.copy()
    ImageDraw.Draw(other).text((30, 120), "SALE TODAY", "white", font_size=52)
    return other


def tilted(picture: Image.Image) -> Image.Image:
    """A perspective, at whose edges the map is least sure."""
    return picture.transform(
        picture.size, Image.Transform.PERSPECTIVE, (1, 0.08, 0, 0.03, 1, 0, 4e-4, 3e-4)
    )


EDITS: dict[str, Callable[[Image.Image], Image.Image]] = {
    "a fifth is another scene": lambda picture: covered(picture, 0.2),
    "a third is another scene": lambda picture: covered(picture, 0.35),
    "caption": captioned,
    "tilt": tilted,
    "mirrored and cut": lambda picture: picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT).crop(
        (60, 20, 330, 290)
    ),
    "small and gray": lambda picture: grayscale(resize(picture, 0.2)),
    "few tones": lambda picture: picture.quantize(6).convert("RGB"),
    "other size, same number of pixels": lambda picture: picture.resize((300, 400)),
}


def pairs() -> Iterator[tuple[Image.Image, Image.Image]]:
    for seed, edit in enumerate(EDITS.values()):
        drawn = scene(seed)
        yield drawn, edit(drawn)
    first = Image.linear_gradient("L").resize((300, 200)).convert("RGB")
    yield from pairwise([first, first.rotate(180), first.point(lambda level: level // 2 + 64)])


def same(there: Verdict, back: Verdict) -> None:
    """Check that one verdict is the other, seen from the other side."""
    assert there.duplicate == back.duplicate
    assert (there.inliers, there.correlation, there.overlap) == (
        back.inliers,
        back.correlation,
        back.overlap,
    )
    assert there.explanation == (back.explanation and back.explanation.exchanged())
    assert (there.matrix is None) == (back.matrix is None)
    if there.matrix is not None and back.matrix is not None:
        both = there.matrix @ back.matrix
        np.testing.assert_allclose(both / both[2, 2], np.eye(3), atol=1e-6)


@pytest.mark.parametrize("number", range(len(list(pairs()))))
@pytest.mark.parametrize("quality", [25, 90])
def test_the_verdict_on_a_pair_is_the_same_from_either_side(number: int, quality: int) -> None:
    left, right = list(pairs())[number]
    one, other = described(left), described(right, jpeg(quality))
    same(compare(one, other, RULES), compare(other, one, RULES))


@pytest.mark.parametrize("number", range(len(EDITS)))
def test_a_picture_that_is_saved_again_without_loss_gets_the_same_verdict(number: int) -> None:
    left, right = list(pairs())[number]
    first = compare(described(left, BITMAP), described(right, BITMAP), RULES)
    again = compare(described(left, PNG), described(right, BITMAP), RULES)
    assert (first.duplicate, first.correlation, first.explanation) == (
        again.duplicate,
        again.correlation,
        again.explanation,
    )


def test_transparent_pictures_get_the_same_verdict_from_either_side() -> None:
    shown = [kept(PNG.encode(cut_out(seed))) for seed in (1, 2)]
    shown += [described(cut_out(1).convert("RGB"))]
    for left, right in pairwise([*shown, shown[0]]):
        same(compare_on_grounds(left, right, RULES), compare_on_grounds(right, left, RULES))


def test_the_rank_of_two_pictures_of_one_size_is_their_light_not_their_bytes() -> None:
    def ranked(left: Picture, right: Picture) -> bool:
        return left.rank > right.rank

    dark, light = scene(3).point(lambda level: level // 2), scene(3)
    for quality in (60, 75, 90, 95):
        assert ranked(described(light, jpeg(quality)), described(dark, jpeg(95)))
    turned = described(light.transpose(Image.Transpose.ROTATE_180))
    assert described(light).rank[:2] != turned.rank[:2]
    assert ranked(described(resize(dark, 1.1)), described(light))
