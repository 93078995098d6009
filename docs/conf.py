"""Builds the pages of this folder with Sphinx: see the target `docs` of the Makefile.

The pages are plain Markdown that a code host shows, too. Two changes are made to a page before
Sphinx reads the page. An index page gets a navigation: the pages that it links to. So a page that
no index page names is an error. A link to a file outside this folder becomes a download of that
file. A link that leads nowhere is an error in either case.
"""

import re
from functools import partial
from pathlib import Path

from sphinx.application import Sphinx

project = "imgdedup"
author = "the imgdedup authors"
extensions = ["myst_parser"]
exclude_patterns = ["__pycache__"]
html_theme = "furo"
html_title = "imgdedup"
html_copy_source = False
html_show_copyright = False
myst_heading_anchors = 4  # the anchors of headings have the names that code hosts give them

_SECTION = re.compile(r"^## ", re.MULTILINE)
_PAGE = re.compile(r"\]\(([\w/-]+)\.md\)")
_LINK = re.compile(r"\]\((\.\./[^)#\s]+)(?:#[^)\s]*)?\)")


def prepare(app: Sphinx, page: str, source: list[str]) -> None:
    """Make the two changes to the text of a page, in place."""
    folder = Path(app.srcdir, page).parent
    source[0] = _LINK.sub(partial(_download, Path(app.srcdir), folder), source[0])
    if page.rpartition("/")[2] == "index":
        source[0] += "".join(map(_navigation, _SECTION.split(source[0])))


def _download(pages: Path, folder: Path, link: re.Match[str]) -> str:
    outside = not (folder / link[1]).resolve().is_relative_to(pages)
    return f"](path:{link[1]})" if outside else link[0]


def _navigation(section: str) -> str:
    title, _, _ = section.partition("\n")
    linked = dict.fromkeys(_PAGE.findall(section))
    caption = "" if title.startswith("# ") else f":caption: {title}\n"
    tree = "\n".join(["```{toctree}", f":hidden:\n{caption}", *linked, "```"])
    return f"\n{tree}\n" if linked else ""


def setup(app: Sphinx) -> None:
    """Let each page be prepared when it is read; Sphinx calls this."""
    app.connect("source-read", prepare)
