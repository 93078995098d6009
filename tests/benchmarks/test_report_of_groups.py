"""The benchmark of the report: its lake has a report, and its page tells what was measured."""

from argparse import Namespace
from pathlib import Path

import pytest

from benchmarks.report.__main__ import page
from benchmarks.report.browser import ASKED, MISSING, measure
from benchmarks.report.synthetic import write_lake
from imgdedup.report import pages


def test_the_gallery_of_a_synthetic_lake_is_measured(tmp_path: Path) -> None:
    images = write_lake(tmp_path, 8, seed=0)
    pages.write(str(tmp_path))
    (gallery,) = tmp_path.glob("report/pages-*/gallery.html")
    assert len(list(tmp_path.glob("report/thumbnails/*/*.jpg"))) == images
    try:
        seen = measure(gallery)
    except FileNotFoundError:
        pytest.skip(MISSING)
    assert seen["console"] == []
    assert seen["filters"].keys() == ASKED.keys()
    assert seen["filters"]["name"][1].startswith("1 group, ")
    told = page(Namespace(groups=8, name=None), images, [2.0, 1.0], {"data": (1, 10**6)}, seen)
    assert "| write the report | 2.0 s |" in told
    assert "| lines on the console | 0 |" in told
    assert f"{images} images on " in told
