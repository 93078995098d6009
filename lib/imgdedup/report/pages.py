"""Writes the report of a lake: static pages, read from a disk or a store without a server.

Equal tables give equal pages. The pages hold no time but those of the runs.
"""

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

import duckdb
from jinja2 import Environment, PackageLoader, StrictUndefined

from imgdedup.console import visible
from imgdedup.errors import FAILURES
from imgdedup.flow import STAGES
from imgdedup.report import charts, counting, gallery, wording
from imgdedup.report.figures import Figures, total
from imgdedup.report.gallery import Gallery
from imgdedup.report.output import FOLDER, INDEX, Output, folder_of
from imgdedup.report.runs import SHOWN, Run, all_runs, seconds_by_day
from imgdedup.report.sections import SECTIONS
from imgdedup.report.tables import connected, file_system
from imgdedup.report.thumbnails import copy_missing

_STYLES = ("report.css", "gallery.css")
# In the order in which the browser runs them; each uses those before it.
_SCRIPTS = ("words.js", "maps.js", "marks.js", "filters.js", "cards.js", "viewer.js", "app.js")


def write(root: str) -> str:
    """Write `<root>/report/` (a path or uri); return the place of its `index.html`.

    Raises UserError when there is no lake under the root.
    """
    system, folder = file_system(root)
    datasets = {name for section in SECTIONS for name in section.datasets}
    datasets.update(counting.DATASETS, gallery.DATASETS, ("runs",))
    with connected(root, sorted(datasets)) as connection:
        found = gallery.read(connection)
        output = Output(system, folder)
        there = output.thumbnails()
        missing = {content: dt for content, dt in found.contents.items() if content not in there}
        without = copy_missing(system, folder, missing, output.add_thumbnail)
        pages, index = _pages(connection, found, without)
    output.publish(pages, index, found.contents.keys() - without)
    return f"{root.rstrip('/')}/{FOLDER}/{INDEX}"


def _pages(
    connection: duckdb.DuckDBPyConnection, found: Gallery, without: set[str]
) -> tuple[dict[str, str], str]:
    """The pages and static files by name, and the index."""
    days = counting.by_day(connection)
    runs = all_runs(connection)
    pages = _static_files()
    for number, chunk in enumerate(found.chunks(without)):
        pages[f"groups-{number:03}.js"] = chunk
    data = [name for name in sorted(pages) if name.startswith("groups-")]
    pages["gallery.html"] = _render("gallery.html", gallery=found, data=data)
    shown = runs[:SHOWN]
    for run in shown:
        own = {dt: figures for dt, figures in days.items() if run.covers(dt)}
        pages[run.page] = _render(
            "run.html",
            run=run,
            superseded=_superseded(run, runs),
            trends=_trends(runs, run.days),
            **_numbers(own),
        )
    index = _render(
        "index.html",
        pages=folder_of(pages),
        runs=[(run, total(f for dt, f in days.items() if run.covers(dt))) for run in shown],
        all_runs=len(runs),
        days=list(days),
        trends=_trends(runs, ()),
        certificate=next((run for run in runs if run.certificate), None),
        gallery=found,
        sections=[(section, section.read(connection)) for section in SECTIONS],
        **_numbers(days),
    )
    return pages, index


def _superseded(run: Run, runs: list[Run]) -> Run | None:
    """The latest run for a day of this run, when that is another one."""
    later = (each for each in runs if set(each.days) & set(run.days))
    latest = next(later, run)
    return None if latest.run_id == run.run_id else latest


def _trends(runs: list[Run], marked: tuple[str, ...]) -> list[tuple[str, charts.Trend]]:
    found = [(stage, charts.trend(seconds_by_day(runs, stage), marked)) for stage in STAGES]
    return [(stage, trend) for stage, trend in found if trend]


def _numbers(days: Mapping[str, Figures]) -> dict[str, Any]:
    """What the template of the numbers needs."""
    figures = total(days.values())
    bins = [*figures.candidates, *figures.copies]
    lowest, highest = min(bins, default=0), max(bins, default=0)
    return {
        "figures": figures,
        "candidates": charts.histogram(figures.candidates, lowest, highest),
        "copies": charts.histogram(figures.copies, lowest, highest),
    }


def _static_files() -> dict[str, str]:
    folder = files("imgdedup.report") / "static"
    return {name: (folder / name).read_text(encoding="utf-8") for name in _STYLES + _SCRIPTS}


def _render(template: str, **values: Any) -> str:
    return _environment().get_template(template).render(**values)


@cache
def _environment() -> Environment:
    found = Environment(
        loader=PackageLoader("imgdedup.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    for each in (visible, wording.number, wording.size, wording.seconds, wording.moment):
        found.filters[each.__name__] = each
    found.filters["days"] = wording.days
    found.globals |= {"charts": charts, "FAILURES": FAILURES}
    found.globals |= {"scripts": list(_SCRIPTS), "limits": gallery}
    return found
