"""Finds pairs of duplicates with another tool; runs in an environment that has the tool.

python find_pairs.py TOOL FOLDER CSV WORK

Writes the columns left, right (names of files in FOLDER) and score (the tool's own similarity; 1
where the tool gives none). Every tool has the settings that its documentation begins with.
"""

import csv
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import combinations
from pathlib import Path
from typing import Any

Scored = tuple[str, str, float]  # left, right, score


def fastdup(folder: Path, work: Path) -> Iterator[Scored]:
    """`fastdup.create`, `run` and `similarity` without options: two neighbours, from 0.9 on."""
    import fastdup

    finder = fastdup.create(work_dir=str(work), input_dir=str(folder))
    finder.run(overwrite=True)
    found = finder.similarity()
    if found is None or not len(found):
        return
    for left, right, score in zip(
        found["filename_from"], found["filename_to"], found["distance"], strict=True
    ):
        yield Path(left).name, Path(right).name, float(score)


def imagededup_cnn(folder: Path, work: Path) -> Iterator[Scored]:
    """`CNN().find_duplicates` without options: cosine of MobileNetV3, from 0.9 on."""
    from imagededup.methods import CNN

    yield from _scored(CNN().find_duplicates(image_dir=str(folder), scores=True))


def imagededup_phash(folder: Path, work: Path) -> Iterator[Scored]:
    """`PHash().find_duplicates` without options: at most 10 of 64 bits differ."""
    from imagededup.methods import PHash

    found = PHash().find_duplicates(image_dir=str(folder), scores=True)
    for left, right, distance in _scored(found):
        yield left, right, 1 - distance / 64


def immaculate(method: str) -> Callable[[Path, Path], Iterator[Scored]]:
    """`immaculate.find_duplicates` by a method; all files of a set are pairs."""

    def find(folder: Path, work: Path) -> Iterator[Scored]:
        from immaculate import find_duplicates

        found = find_duplicates(str(folder), method=method)
        for files in [*found.exact, *found.near]:
            for left, right in combinations(files, 2):
                yield left.name, right.name, 1.0

    return find


TOOLS = {
    "fastdup": fastdup,
    "imagededup-cnn": imagededup_cnn,
    "imagededup-phash": imagededup_phash,
    "immaculate-pdq": immaculate("pdq"),
    "immaculate-sscd": immaculate("sscd"),
    "immaculate-sscd_distilled": immaculate("sscd_distilled"),
}


def _scored(found: Mapping[str, Iterable[tuple[str, Any]]]) -> Iterator[Scored]:
    """The pairs of imagededup's answer, which names each file's duplicates."""
    for left, others in found.items():
        for right, score in others:
            yield left, right, float(score)


def main() -> None:
    """Read the arguments, find the pairs, and write them."""
    tool, folder, table, work = sys.argv[1:]
    with open(table, "w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["left", "right", "score"])
        rows.writerows(TOOLS[tool](Path(folder), Path(work)))


if __name__ == "__main__":
    main()
