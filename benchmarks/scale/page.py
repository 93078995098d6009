"""The tables of the model, as a page of Markdown."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from benchmarks.scale import indexes, model
from benchmarks.scale.limits import limits
from benchmarks.scale.model import HOUR
from benchmarks.scale.scenario import Cluster, Load, Scenario, day, first

MONTH = 30.0  # days


def page(command: str, sizes: Sequence[int], cluster: Cluster, scenario: Scenario) -> str:
    """All tables for corpora of these sizes on a cluster."""
    parts = [
        "# What a corpus of any size needs, by the model",
        "",
        f"`{command}`. Spark has {cluster.executors} executors of {cluster.cores} cores, and the "
        f"collection has an {scenario.index} index. Nothing here was run at these sizes. The "
        "rates and where they come from are in `benchmarks/scale/rates.toml`; "
        "`docs/scale.md` says what to make of the tables. Memory and disk are in powers of ten.",
    ]
    for size in sizes:
        parts += ["", f"## {size:,} images", "", *_runs(size, cluster, scenario)]
    parts += ["", "## Milvus", "", *_milvus(sizes, scenario)]
    parts += ["", "## The lake", "", *_lake(sizes, scenario)]
    parts += ["", "## Where it breaks first", "", *_limits(cluster, scenario)]
    parts += ["", "## Money", "", *_money(sizes, cluster, scenario)]
    parts += ["", "## The rates", "", *_rates(scenario)]
    return "\n".join([*parts, ""])


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """A table of Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return [f"| {' | '.join(line)} |" for line in lines]


def spent(seconds: float) -> str:
    """Seconds as minutes, hours or days, whichever reads best."""
    if seconds < HOUR:
        return f"{seconds / 60:.0f} min" if seconds >= 60 or not seconds else "< 1 min"
    if seconds >= 1000 * HOUR:
        return f"{seconds / HOUR / 24:,.0f} days"
    return f"{seconds / HOUR:,.1f} h" if seconds < 10 * HOUR else f"{seconds / HOUR:,.0f} h"


def core_hours(seconds: float) -> str:
    """Core-seconds as core-hours."""
    if seconds < HOUR / 100:
        return "0"
    return f"{seconds / HOUR:,.2f}" if seconds < 10 * HOUR else f"{seconds / HOUR:,.0f}"


def amount(size: float) -> str:
    """Bytes in the unit that leaves one to three digits before the point."""
    for unit in ("B", "kB", "MB", "GB", "TB", "PB"):
        if size < 1000 or unit == "PB":
            return f"{size:,.0f} {unit}" if size >= 10 or not size else f"{size:.1f} {unit}"
        size /= 1000
    raise AssertionError


def run_seconds(load: Load, cluster: Cluster, scenario: Scenario) -> dict[str, float]:
    """How long each stage takes."""
    works = model.works(load, scenario)
    return {name: model.seconds(work, load, cluster, scenario) for name, work in works.items()}


def _runs(size: int, cluster: Cluster, scenario: Scenario) -> list[str]:
    rows = []
    loads = {"first load": first(size), "one more day": day(size, scenario.rates)}
    for name, load in loads.items():
        works, taken = model.works(load, scenario), run_seconds(load, cluster, scenario)
        all_of = {"**all**": (model.total(works), sum(taken.values()))}
        each = {f"`{stage}`": (works[stage], taken[stage]) for stage in works}
        for stage, (work, time) in (each | all_of).items():
            cells = [spent(time), spent(work.serial), core_hours(work.core)]
            cells.append(core_hours(work.server))
            moved = [amount(size) for size in (work.read, work.written, work.shuffled)]
            rows.append([f"{name}, {stage}", *cells, *moved])
    head = [
        *("run and stage", "time", "of it one process", "core-hours", "core-hours of Milvus"),
        *("read", "written", "shuffled"),
    ]
    new = loads["one more day"].new
    words = f"One more day has {new:,.0f} images."
    if scenario.gpu:
        gpu = core_hours(model.embed(loads["first load"], scenario).gpu)
        words += f" The network of the first load takes {gpu} GPU-hours, at an assumed rate."
    return [*table(head, rows), "", words]


def _milvus(sizes: Sequence[int], scenario: Scenario) -> list[str]:
    rows = []
    for size in sizes:
        for kind in indexes.KINDS:
            held = indexes.servers(kind, size, scenario.width, scenario.rates)
            disk = size * indexes.disk_of_vector(kind, scenario.width, scenario.rates)
            asked = ["not measured"] * 2
            if kind in indexes.TIMED:
                other = replace(scenario, index=kind)
                loads = first(size), day(size, scenario.rates)
                server = [model.search(load, other).server for load in loads]
                asked = [
                    f"{core_hours(one)} core-hours: {spent(one / held.cores)}" for one in server
                ]
            cells = [amount(held.memory), f"{held.nodes:,}", amount(disk) if disk else ""]
            rows.append([f"{size:,}", kind, *cells, *asked])
    head = ["images", "index", "memory", "query nodes", "disk", "queries of the first load",
            "queries of one more day"]  # fmt: skip
    return table(head, rows)


def _lake(sizes: Sequence[int], scenario: Scenario) -> list[str]:
    tables = [model.at_rest(size, scenario) for size in sizes]
    rows = [[f"`{name}`", *(amount(each[name]) for each in tables)] for name in tables[0]]
    rows.append(["**all**", *(amount(sum(each.values())) for each in tables)])
    return table(["table", *(f"{size:,}" for size in sizes)], rows)


def _limits(cluster: Cluster, scenario: Scenario) -> list[str]:
    rows = [
        [limit.part, limit.grows, limit.bound, _round(limit.images)]
        for limit in limits(cluster, scenario)
    ]
    return table(["part", "grows with", "bound", "largest corpus, images"], rows)


def _round(images: float) -> str:
    for unit, size in (("thousand million", 1e9), ("million", 1e6)):
        if images >= size:
            return f"{images / size:,.1f} {unit}" if images < 10 * size else (
                f"{images / size:,.0f} {unit}")  # fmt: skip
    return f"{images:,.0f}"


def _money(sizes: Sequence[int], cluster: Cluster, scenario: Scenario) -> list[str]:
    rows = []
    for size in sizes:
        load, more = first(size), day(size, scenario.rates)
        price = [
            model.dollars(sum(run_seconds(each, cluster, scenario).values()) / HOUR, each,
                          cluster, scenario)
            for each in (load, more)
        ]  # fmt: skip
        stored = sum(model.at_rest(size, scenario).values()) / 1e9 * scenario.rates("prices.store")
        nodes = indexes.servers(scenario.index, size, scenario.width, scenario.rates).nodes
        kept = nodes * scenario.rates("prices.query_node") * 24 * MONTH
        cells = [price[0], MONTH * price[1], stored, kept]
        rows.append([f"{size:,}", *(f"{each:,.0f}" for each in cells)])
    head = ["images", "first load, $", "30 more days, $", "the lake for a month, $",
            "query nodes that are never stopped, a month, $"]  # fmt: skip
    return table(head, rows)


def _rates(scenario: Scenario) -> list[str]:
    rows = [
        [f"`{name}`", f"{rate.value:,.12g}", rate.unit,
         f"{'measured' if rate.is_measured else '*assumed*'}: {rate.origin}"]
        for name, rate in scenario.rates
    ]  # fmt: skip
    return table(["rate", "value", "unit", "where it comes from"], rows)
