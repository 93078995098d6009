"""Writes the page on the configuration from `conf/`, or checks that the page is up to date.

    python docs/configuration.py [--check]

The keys, their defaults and their comments come from `conf/base.toml`. A comment belongs to the key
below it, and to the further keys that follow without a comment of their own.
"""

import argparse
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
CONF = REPOSITORY / "conf"
PAGE = REPOSITORY / "docs" / "reference" / "configuration.md"
OVERLAYS = ("local", "cluster")
PRESETS = ("photos", "strict")
_SECTION = re.compile(r"\[([a-z_]+)\]$")
_KEY = re.compile(r"([a-z_]+) = (.*)$")
_CODE = re.compile(r"(`[^`]*`)")
_HEAD = """\
# Configuration

This page is generated from [conf/base.toml](../../conf/base.toml). Do not edit the page: edit that
file, and run `python docs/configuration.py`. `make check` fails when the two differ.

`conf/base.toml` holds every key. A preset, `conf/presets/<name>.toml`, goes over it. The key
`verify.preset` names the preset, which says which edited versions are copies ([how to
choose](../how-to/policy.md)). An overlay, `conf/<name>.toml`, holds only the keys that differ, and
goes over the preset: `make run` takes `OVERLAY=<name>`, the DAG takes the parameter `overlay`. The
settings of one run go over all of them: the DAG takes `{"settings": {"embed.batch_size": 64}}`, the
local runner takes `--set embed.batch_size=64`. A key that is unknown, missing or of a wrong type
stops the run, and the message names the key.
"""


@dataclass
class Entry:
    """Keys that share a comment, with their defaults as they stand in the file."""

    comment: str
    keys: list[tuple[str, str]] = field(default_factory=list)


def entries(text: str) -> Iterator[tuple[str, Entry]]:
    """Yield each section's name with one of its entries, in the order of the file."""
    section, comment = "", list[str]()
    entry: Entry | None = None
    for line in text.splitlines():
        if line.startswith("#"):
            if entry is not None:
                yield section, entry
                entry = None
            comment.append(line.removeprefix("#").strip())
        elif found := _SECTION.match(line):
            if entry is not None:
                yield section, entry
                entry = None
            section = found.group(1)
            comment.clear()
        elif found := _KEY.match(line):
            if entry is None:
                entry = Entry(" ".join(comment))
                comment.clear()
            entry.keys.append((found.group(1), found.group(2)))
        elif not line and section == "":
            comment.clear()  # what stands above the first section speaks of the file
    if entry is not None:
        yield section, entry


def page() -> str:
    """Return the whole page as Markdown."""
    lines, current = [_HEAD], ""
    for section, entry in entries((CONF / "base.toml").read_text(encoding="utf-8")):
        if section != current:
            lines.append(f"## {section}\n")
            current = section
        keys = ", ".join(f"**`{section}.{key}`** = `{default}`" for key, default in entry.keys)
        lines.append(f"- {keys}\n\n  {_escaped(entry.comment)}\n")
    lines.append("## The presets\n")
    lines += [_whole(f"presets/{name}.toml") for name in PRESETS]
    lines.append("## The overlays\n")
    lines += [_whole(f"{name}.toml") for name in OVERLAYS]
    return "\n".join(lines)


def _whole(name: str) -> str:
    """Return a file of `conf/` as Markdown, under its name."""
    text = (CONF / name).read_text(encoding="utf-8").rstrip()
    return f"`conf/{name}`:\n\n```toml\n{text}\n```\n"


def _escaped(comment: str) -> str:
    """Return a comment as Markdown: outside code, no sign begins a tag, a link or an emphasis."""
    parts = _CODE.split(comment)
    parts[::2] = [re.sub(r"([<*\[\]_\\])", r"\\\1", part) for part in parts[::2]]
    return "".join(parts)


def main() -> int:
    """Write the page, or compare; return the exit status."""
    parser = argparse.ArgumentParser(prog="python docs/configuration.py")
    parser.add_argument("--check", action="store_true", help="write nothing; fail if it is stale")
    arguments = parser.parse_args()
    if not arguments.check:
        PAGE.write_text(page(), encoding="utf-8")
    elif not PAGE.is_file() or PAGE.read_text(encoding="utf-8") != page():
        name = PAGE.relative_to(REPOSITORY)
        print(f"{name} is not what conf/base.toml says: run python docs/configuration.py")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
