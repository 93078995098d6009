"""The page and the chart of the speed benchmark."""

import argparse
import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from benchmarks.quality.corpus import COPY, EVERYDAY_KIND, PHOTO, STRONG_KIND
from benchmarks.speed.__main__ import command, write
from benchmarks.speed.chart import Chart, svg
from benchmarks.speed.page import growth, page
from benchmarks.speed.stages import DRIVER, ENDS, JVM, PARTS, START

GIB = 2**30
SVG = "{http://www.w3.org/2000/svg}"


def score(found: int, false: int) -> dict[str, Any]:
    return {
        "copies": {COPY: 4, EVERYDAY_KIND: 8, STRONG_KIND: 4},
        "found": {COPY: 4, EVERYDAY_KIND: found, STRONG_KIND: 0},
        "false_pairs": false,
        "untouched_pairs": 1,
    }


def run(images: int, cpu: float) -> dict[str, Any]:
    parts = dict.fromkeys(PARTS, 0.0) | {START: 5.0, "scan": 6.0, "embed": cpu / 4, ENDS: 1.0}
    return {
        "images": images,
        "cpu": cpu,
        "wall": cpu / 2,
        "others": 3.0,
        "peak_of_one": GIB,
        "peak_of_all": 2 * GIB,
        "seconds": parts,
        "cpu_of_parts": {part: 2 * seconds for part, seconds in parts.items()},
        "cpu_of_classes": {JVM: cpu / 2, DRIVER: cpu / 4},
        "cpu_between_samples": 0.4,
        "score": score(6, 2),
    }


def peer(images: int, tool: str, *, is_first: bool = True) -> dict[str, Any]:
    cost = {"images": images, "cpu": 9.0, "wall": 8.0, "peak_of_one": GIB, "peak_of_all": GIB}
    return {
        "tool": tool, "family": "other", "is_first": is_first, **cost, "score": score(8, 70)
    }  # fmt: skip


RESULT = {
    "name": "speed",
    "command": "make bench PHOTOS=photos SEED=0",
    "date": "2026-11-28",
    "machine": "2 cores with 24 GiB of memory",
    "source": "photos",
    "corpora": [
        {PHOTO: 50, COPY: 6, EVERYDAY_KIND: 13, STRONG_KIND: 6},
        {PHOTO: 667, COPY: 83, EVERYDAY_KIND: 167, STRONG_KIND: 83},
    ],
    "sizes": [run(75, 60.0), run(1000, 200.0)],
    "days": [
        {"what": what, **run(75, 60.0)}
        for what in ("the first day", "another day", "that day again, nothing new")
    ],
    "tools": ["other==1"],
    "peers": [peer(75, "other, from 0.9 on"), peer(75, "other, strict", is_first=False)],
    "left_out": ["immaculate is left out: PATH has no Python for it."],
}


def test_the_page_shows_costs_by_size_stage_process_and_tool() -> None:
    lines = page(RESULT, "speed.svg").splitlines()
    assert "    make bench PHOTOS=photos SEED=0" in lines
    assert "| 1,000 | 667 | 83 | 167 | 83 |" in lines
    assert "| CPU-seconds | 60.0 | 200.0 |" in lines
    assert "| CPU-seconds a file | 0.800 | 0.200 |" in lines
    assert "| CPU-seconds of all else meanwhile | 3.0 | 3.0 |" in lines
    assert "| memory of all processes | 2.00 GiB | 2.00 GiB |" in lines
    assert "| embed | 15.0 | 30.0 | 50.0 | 100.0 |" in lines
    assert "| JVM | 30.0 | 100.0 |" in lines
    assert "| between two samples | 0.4 | 0.4 |" in lines
    assert "|  | the first day | another day | that day again, nothing new |" in lines
    assert "| copies found | 10 of 16 | 10 of 16 | 10 of 16 |" in lines
    assert "| 75 | imgdedup | 60.0 | 30.0 | 2.00 GiB | 1.000 | 0.750 | 0.000 | 2 | 1 |" in lines
    assert "| 75 | other, strict | 9.0 | 8.0 | 1.00 GiB | 1.000 | 1.000 | 0.000 | 70 | 1 |" in lines
    assert "The other tools are other==1." in lines
    assert "immaculate is left out: PATH has no Python for it." in lines
    assert "![Growth by the number of files](speed.svg)" in lines
    assert "speed.svg" not in page(RESULT, None)


def test_the_page_the_chart_and_the_figures_lie_side_by_side(tmp_path: Path) -> None:
    write(dict(RESULT), tmp_path / "results")
    found = sorted(path.name for path in (tmp_path / "results").iterdir())
    assert found == ["speed.json", "speed.md", "speed.svg"]
    assert json.loads((tmp_path / "results/speed.json").read_text()) == RESULT


def test_the_chart_has_a_line_for_each_tool_and_each_part_that_took_time() -> None:
    root = ElementTree.fromstring(growth(RESULT))
    texts = [each.text for each in root.iter(f"{SVG}text")]
    assert {"imgdedup", "other", "scan", "embed", START, ENDS, "75", "1,000"} <= {*texts}
    assert "verify" not in texts
    assert texts.count("other") == 1


def test_a_chart_places_points_by_their_logarithms_and_escapes_names() -> None:
    line = [(10.0, 1.0), (100.0, 10.0), (1000.0, 100.0)]
    root = ElementTree.fromstring(svg([Chart("t", "x", {"a < b": line}), Chart("", "", {})]))
    circles = [(float(c.get("cx", 0)), float(c.get("cy", 0))) for c in root.iter(f"{SVG}circle")]
    (left, low), (middle, half), (right, high) = circles
    assert abs((left + right) / 2 - middle) < 0.2
    assert abs((low + high) / 2 - half) < 0.2
    assert high < half < low
    assert "a < b" in [each.text for each in root.iter(f"{SVG}text")]


def test_one_size_alone_can_be_drawn() -> None:
    ElementTree.fromstring(svg([Chart("one", "files", {"a": [(75.0, 1.0)]})]))


def test_the_command_names_no_folder_of_the_machine() -> None:
    arguments = argparse.Namespace(
        photos=Path("/data/my photos"), sizes="75", seed=0, name=None, peers=Path("/data/peers")
    )
    assert command(arguments) == "make bench PHOTOS='my photos' SIZES=75 SEED=0 PEERS=peers"
