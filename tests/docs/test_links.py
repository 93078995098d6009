"""Every link of the project's Markdown files leads to a file and a heading that exist."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
PAGES = sorted(
    page.relative_to(REPOSITORY).as_posix()
    for pattern in ("*.md", "docs/**/*.md", "benchmarks/**/*.md", "lib/**/*.md")
    for page in REPOSITORY.glob(pattern)
)
_FENCED = re.compile(r"^( *)(`{3,}).*?^\1\2 *$", re.DOTALL | re.MULTILINE)
_CODE = re.compile(r"`[^`\n]*`")
_LINK = re.compile(r"\]\(([^()\s]+)\)")
_HEADING = re.compile(r"^#{1,6} (.+)$", re.MULTILINE)
_ELSEWHERE = re.compile(r"[a-z]+:")  # https:, mailto:


def links(text: str) -> Iterator[str]:
    """Yield the targets of the links in Markdown, without those in code."""
    yield from _LINK.findall(_CODE.sub("", _FENCED.sub("", text)))


def anchors(text: str) -> set[str]:
    """Return the anchors of the headings in Markdown, as code hosts and MyST name them."""
    found: set[str] = set()
    for heading in _HEADING.findall(_FENCED.sub("", text)):
        words = re.sub(r"\]\([^)]*\)", "", heading).lower()
        slug = name = re.sub(r"[^\w\- ]", "", words).strip().replace(" ", "-")
        number = 0
        while name in found:
            number += 1
            name = f"{slug}-{number}"
        found.add(name)
    return found


def broken(page: Path, text: str) -> list[str]:
    """Return the links of a page that lead nowhere."""
    lost = []
    for link in links(text):
        if _ELSEWHERE.match(link):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        found = not path or target.is_file()
        if found and anchor and target.suffix == ".md":
            other = text if not path else target.read_text(encoding="utf-8")
            found = anchor in anchors(other)
        if not found:
            lost.append(link)
    return lost


@pytest.mark.parametrize("name", PAGES)
def test_every_link_of_the_page_leads_somewhere(name: str) -> None:
    page = REPOSITORY / name
    assert broken(page, page.read_text(encoding="utf-8")) == []


def test_a_broken_link_is_found(tmp_path: Path) -> None:
    (tmp_path / "other.md").write_text("# A title\n\n## `make run`: why?\n\n## A title\n")
    page = tmp_path / "page.md"
    good = "[a](other.md) [b](other.md#make-run-why) [c](other.md#a-title-1) [d](#own)\n\n## Own\n"
    assert broken(page, good) == []
    bad = "[a](lost.md) [b](other.md#lost) [c](#lost) ![d](lost.jpg)"
    assert broken(page, bad) == ["lost.md", "other.md#lost", "#lost", "lost.jpg"]
    assert broken(page, "`[a](lost.md)`\n\n```\n[b](lost.md)\n```\n[c](https://example.org)") == []
