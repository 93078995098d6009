"""The reference pages agree with the code: columns, failures, commands, configuration."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from pyspark.sql.types import StructType

from docs import configuration
from imgdedup.errors import FAILURES
from imgdedup.lake import schemas
from tests.unit.layout import GROUND, MAY_IMPORT

REPOSITORY = Path(__file__).parents[2]
REFERENCE = REPOSITORY / "docs" / "reference"
TABLES = {**schemas.DATASETS, "manifest": schemas.MANIFEST, "plan": schemas.PLAN}


def read(name: str) -> str:
    return (REFERENCE / name).read_text(encoding="utf-8")


def sections(text: str) -> dict[str, str]:
    """Return the text below each heading that is code, by the code."""
    parts = re.split(r"^##+ `(.+)`$", text, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def rows(text: str) -> Iterator[tuple[str, str]]:
    """Yield the first two cells of the rows of tables that begin with code."""
    yield from re.findall(r"^\| `([^`]+)` \| ([^|]+?) \|", text, flags=re.MULTILINE)


def columns(schema: StructType) -> list[tuple[str, str]]:
    return [(field.name, field.dataType.simpleString()) for field in schema.fields]


@pytest.mark.parametrize("dataset", sorted(TABLES))
def test_the_page_on_tables_has_every_column_with_its_type(dataset: str) -> None:
    assert list(rows(sections(read("tables.md"))[dataset])) == columns(TABLES[dataset])


def test_the_page_on_failures_has_every_code() -> None:
    assert [code for code, _ in rows(read("failures.md"))] == list(FAILURES)


def test_the_page_on_commands_has_every_target_and_variable() -> None:
    makefile = (REPOSITORY / "Makefile").read_text(encoding="utf-8")
    targets = re.findall(r"^([a-z-]+):.*## ", makefile, flags=re.MULTILINE)
    named = {command for command, _ in rows(read("commands.md")) if command.startswith("make ")}
    assert named == {f"make {target}" for target in targets}
    (values,) = re.findall(r"^VALUES := (.*(?:\\\n.*)*)$", makefile, flags=re.MULTILINE)
    variables = set(re.findall(r"`([A-Z_]+)(?:=1)?`", read("commands.md")))
    assert set(values.replace("\\", "").split()) <= variables


def test_the_page_on_the_configuration_is_generated_from_it() -> None:
    assert read("configuration.md") == configuration.page()


def test_the_import_map_says_what_the_rules_allow() -> None:
    page = (REPOSITORY / "docs" / "contributing.md").read_text(encoding="utf-8")
    shown = dict(re.findall(r"^\| `(\w+)` \| ([^|]+?) \|", page, flags=re.MULTILINE))
    assert shown.keys() == MAY_IMPORT.keys()
    for entry, words in shown.items():
        named = set(words.split(", ")) - {"nothing of ours"}
        ground = GROUND if "the ground floor" in named else set()
        assert named - {"the ground floor"} | ground == MAY_IMPORT[entry], entry
