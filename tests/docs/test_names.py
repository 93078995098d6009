"""The messages and files that the pages name exist in the code."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
DOCS = REPOSITORY / "docs"
PAGES = sorted(page.relative_to(REPOSITORY).as_posix() for page in DOCS.rglob("*.md"))
FOLDERS = ("", "lib/imgdedup/")  # modules are named from the root of the package, too
_SYMPTOM = re.compile(r"^\| (.*?`.*?) \|", re.MULTILINE)
_CODE = re.compile(r"`([^`\n]+)`")
_GAP = re.compile(r"\.\.\.|<day>|\d[\d.]*")  # what a message fills in
_FILE = re.compile(r"`((?:[\w-]+/)+[\w.-]+\.(?:py|toml|txt|csv))`")
_LEAST = 8  # characters; a shorter fragment says nothing


def texts() -> Iterator[str]:
    """Yield the texts of the package, the jobs, the DAG and the Makefile, with `...` for values."""
    yield re.sub(r'" *\\\n\s*"', " ", (REPOSITORY / "Makefile").read_text(encoding="utf-8"))
    for folder in ("lib", "jobs", "dags"):
        for path in (REPOSITORY / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.JoinedStr):
                    parts = (
                        str(part.value) if isinstance(part, ast.Constant) else "..."
                        for part in node.values
                    )
                    yield "".join(parts)
                elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                    yield node.value


def fragments(page: str) -> Iterator[str]:
    """Yield the fixed parts of the messages in the first cells of a page's tables."""
    for symptom in _SYMPTOM.findall(page):
        for message in _CODE.findall(symptom):
            if " " in message:
                parts = (part.strip(" :;,()\"'") for part in _GAP.split(message))
                yield from (part for part in parts if len(part) >= _LEAST)


def test_every_message_of_troubleshooting_is_in_the_code() -> None:
    page = (DOCS / "how-to" / "troubleshooting.md").read_text(encoding="utf-8")
    said = "\n".join(texts()).replace("`", "")
    found = list(fragments(page))
    assert len(found) > 60
    assert [fragment for fragment in found if fragment not in said] == []


@pytest.mark.parametrize("name", PAGES)
def test_every_file_that_a_page_names_is_there(name: str) -> None:
    named = _FILE.findall((REPOSITORY / name).read_text(encoding="utf-8"))
    lost = [
        file
        for file in named
        if "<" not in file and not any((REPOSITORY / folder / file).exists() for folder in FOLDERS)
    ]
    assert lost == []
