"""Original files are compared as finely as both show."""

import io

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from imgdedup.stages.verify.originals import compare_originals
from tests.pictures import SETTINGS


def large_page(total: str) -> Image.Image:
    """A page of 300 dpi in small print, its letters 30 pixels high."""
    drawn = Image.new("L", (1500, 3300), 255)
    draw, font = ImageDraw.Draw(drawn), ImageFont.load_default(30)
    for line in range(60):
        words = f"Total due {total} EUR" if line == 40 else f"Item {line}: {line * 37 % 100} valves"
        draw.text((100 + line * 29 % 60, 100 + 50 * line), words, 0, font)
    return drawn


def stored(picture: Image.Image, kind: str) -> bytes:
    file = io.BytesIO()
    picture.save(file, kind)
    return file.getvalue()


@pytest.mark.parametrize(("total", "same"), [("1,800", True), ("1,300", False)])
def test_pages_larger_than_a_look_are_compared_in_every_stroke(total: str, same: bool) -> None:
    one, other = stored(large_page("1,800"), "PNG"), stored(large_page(total), "JPEG")
    found = compare_originals(one, other, np.eye(3), SETTINGS.verify, 40_000_000)
    assert found.same is same
