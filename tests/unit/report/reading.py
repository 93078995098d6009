"""Reads what a report holds."""

import json
from html.parser import HTMLParser
from pathlib import Path
from typing import Any


class Page(HTMLParser):
    """The text, tags and attributes of a page, as a browser takes them."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.text = ""
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self.text += " "

    def handle_data(self, data: str) -> None:
        self.text += data


def read(root: Path) -> dict[str, Page]:
    """The pages of a report by name."""
    return {
        path.name: Page(path.read_text(encoding="utf-8"))
        for path in (root / "report").rglob("*.html")
    }


def words_of(page: Page) -> str:
    return " ".join(page.text.split())


def groups(root: Path) -> list[dict[str, Any]]:
    """The data of the gallery."""
    found: list[dict[str, Any]] = []
    for path in sorted((root / "report").glob("pages-*/groups-*.js")):
        text = path.read_text(encoding="ascii")
        assert text.startswith("imgdedup.add(")
        assert text.endswith(");\n")
        found += json.loads(text[len("imgdedup.add(") : -3])
    return found


def files(root: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(root)): path.read_bytes()
        for path in (root / "report").rglob("*")
        if path.is_file()
    }
