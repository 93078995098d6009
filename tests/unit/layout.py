"""What the rules of the layout allow, and functions that find where sources break them."""

import ast
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import networkx as nx

REPOSITORY = Path(__file__).parents[2]
MAX_ENTRIES = 20
MILVUS = {"pymilvus", "milvus_lite"}
NETWORK = {"torch", "torchvision", "safetensors", "openvino"}
GROUND = {"config", "console", "errors", "flow"}
WITHOUT_SPARK = GROUND | {"space", "images", "sources", "geometry", "encoder"}
LIGHT = {f"imgdedup.{name}" for name in ("config", "console", "errors", "flow")} | {
    f"imgdedup.runtime.{name}" for name in ("guard", "lineage", "operators")
}
AT_RUN_TIME = {"imgdedup.removal.tasks", "imgdedup.report.pages"}  # of Python tasks
FOR_DAGS = sys.stdlib_module_names | {"airflow"} | LIGHT
LIGHT_LIBRARIES = {"annotated_types", "psutil", "pydantic"}
STAGE_PACKAGES = "imgdedup.stages"
# What each module or package of `imgdedup` may import of the others: the import map.
MAY_IMPORT = {
    "errors": set(),
    "console": set(),
    "flow": set(),
    "config": {"errors"},
    "space": {"config"},
    "images": {"config", "errors"},
    "sources": {"config", "errors"},
    "geometry": {"config"},
    "encoder": GROUND | {"images", "sources", "space"},
    "lake": {"console", "errors"},
    "relations": {"config", "errors", "space"},
    "settling": {"config", "console", "errors", "lake", "relations", "space"},
    "milvus": {"config", "console", "errors", "sources"},
    "runtime": GROUND | {"lake", "sources"},
    "stages": GROUND
    | {"space", "images", "sources", "geometry", "encoder", "lake", "relations", "settling"}
    | {"milvus", "runtime"},
    "removal": GROUND | {"lake", "relations", "report", "sources"},
    "report": GROUND | {"lake", "relations", "runtime", "sources"},
    "corpora": {"errors"},
    "local": GROUND
    | {"corpora", "encoder", "geometry", "images", "report", "runtime", "sources", "stages"},
}


class Rule(NamedTuple):
    """Modules for which `applies` holds import nothing for which `forbids` holds.

    With `through_ours`, neither do the modules of this project that they import, and so on.
    """

    text: str
    applies: Callable[[str], bool]
    forbids: Callable[[str], bool]
    through_ours: bool = False


def within(module: str, packages: set[str] | frozenset[str]) -> bool:
    """Tell whether `module` is one of `packages` or lies inside one."""
    return any(module == package or module.startswith(package + ".") for package in packages)


def part(module: str) -> str:
    """The entry of `imgdedup` in which a module lies; empty for other modules."""
    names = module.split(".")
    return names[1] if names[0] == "imgdedup" and len(names) > 1 else ""


def stage(module: str) -> str:
    """The stage to which a module belongs; empty for other modules."""
    names = module.split(".")
    return names[2] if module.startswith(f"{STAGE_PACKAGES}.") else ""


def is_benchmark(module: str) -> bool:
    """Tell whether a module is a benchmark: benchmarks make lakes and corpora of their own."""
    return within(module, {"benchmarks"})


def is_behind_the_door(imported: str) -> bool:
    """Tell whether an import reaches into the lake past its package and its schemas."""
    inside = imported.startswith("imgdedup.lake.") and imported.split(".")[2].islower()
    return inside and not within(imported, {"imgdedup.lake.schemas", "imgdedup.lake.exclusive"})


def _may_import(name: str, allowed: set[str]) -> Rule:
    return Rule(
        f"{name} may import {', '.join(sorted(allowed)) or 'none of ours'}",
        lambda module: part(module) == name,
        lambda imported: part(imported) in MAY_IMPORT.keys() - allowed - {name},
    )


RULES = [
    *(_may_import(name, allowed) for name, allowed in MAY_IMPORT.items()),
    Rule(
        "only milvus/ imports Milvus",
        lambda module: part(module) != "milvus",
        lambda imported: within(imported, MILVUS),
    ),
    Rule(
        "only encoder/ imports the libraries of the network",
        lambda module: part(module) != "encoder",
        lambda imported: within(imported, NETWORK),
    ),
    Rule(
        "nothing but local/ imports the generated corpora",
        lambda module: (
            part(module) not in ("local", "corpora") and not within(module, {"benchmarks"})
        ),
        lambda imported: part(imported) == "corpora",
    ),
    Rule(
        "the lake has one door: its package, and its schemas",
        lambda module: part(module) != "lake" and not is_benchmark(module),
        is_behind_the_door,
    ),
    Rule(
        "the ground floor, space, images, sources, geometry and encoder work without Spark",
        lambda module: part(module) in WITHOUT_SPARK,
        lambda imported: within(imported, {"pyspark"}),
        through_ours=True,
    ),
    Rule(
        "DAGs import only Airflow, the standard library and our lightest modules",
        lambda module: within(module, {"dags"}),
        lambda imported: not within(imported, FOR_DAGS | AT_RUN_TIME),
    ),
    Rule(
        "what DAGs import of ours is light",
        lambda module: module in LIGHT | {"imgdedup", "imgdedup.runtime"},
        lambda imported: not within(imported, FOR_DAGS | LIGHT_LIBRARIES),
        through_ours=True,
    ),
]


def module_name(path: Path) -> str:
    """Name the module at `path`, relative to the repository: lib/ is an import root."""
    parts = path.with_suffix("").parts
    parts = parts[1:] if parts[0] == "lib" else parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(path: Path, source: str) -> Iterator[str]:
    """Yield the dotted names that `source` imports; `from a import b` imports `a.b`."""
    package = module_name(path if path.name == "__init__.py" else path.parent / "__init__.py")
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            parents = package.split(".")
            above = parents[: len(parents) + 1 - node.level] if node.level else []
            base = [*above, *([node.module] if node.module else [])]
            yield from (".".join([*base, alias.name]) for alias in node.names)


def graph_of(sources: dict[Path, str]) -> dict[str, set[str]]:
    """The names that each module imports."""
    return {module_name(path): set(imports(path, source)) for path, source in sources.items()}


def reached(module: str, graph: dict[str, set[str]]) -> set[str]:
    """Return what `module` imports, what our modules among those import, and so on."""
    found: set[str] = set()
    waiting = [module]
    while waiting:
        for name in graph[waiting.pop()] - found:
            found.add(name)
            # Importing a.b.c runs a and a.b too; c may be a name inside the module a.b.
            waiting += [ours for ours in graph if within(name, {ours})]
    return found


def import_violations(sources: dict[Path, str]) -> list[str]:
    """Return one line for each import in `sources`, by path in the repository, against a rule."""
    graph = graph_of(sources)
    found = [
        f"{module} imports {imported}: {rule.text}"
        for module in graph
        for rule in RULES
        if rule.applies(module)
        for imported in sorted(reached(module, graph) if rule.through_ours else graph[module])
        if rule.forbids(imported)
    ]
    return found + [
        f"{module} imports {imported}: stages do not import each other"
        for module in graph
        if stage(module)
        for imported in sorted(graph[module])
        if imported == STAGE_PACKAGES or stage(imported) not in ("", stage(module))
    ]


def circles(sources: dict[Path, str]) -> list[list[str]]:
    """The sets of modules that import each other in a circle, each in order."""
    graph = graph_of(sources)
    edges = nx.DiGraph()
    for module, names in graph.items():
        for name in names:
            ours = [other for other in graph if within(name, {other})]
            if ours:
                edges.add_edge(module, max(ours, key=len))
    parts = nx.strongly_connected_components(edges)
    loops = [[node] for node in edges if edges.has_edge(node, node)]
    return sorted([sorted(nodes) for nodes in parts if len(nodes) > 1] + loops)


def crowded_folders(sources: dict[Path, str]) -> list[str]:
    """The folders with more than MAX_ENTRIES modules and packages."""
    entries: dict[Path, set[str]] = {}
    for path in sources:
        for folder, name in zip(path.parents, path.parts[::-1], strict=False):
            entries.setdefault(folder, set()).add(name)
    return [
        f"{folder} has {len(names)} entries"
        for folder, names in sorted(entries.items())
        if len(names) > MAX_ENTRIES
    ]


def too_long(sources: dict[Path, str], most: int) -> list[str]:
    """Return the files with more than `most` lines."""
    return [str(path) for path, text in sources.items() if text.count("\n") > most]


def project_sources(*folders: str) -> dict[Path, str]:
    """The sources below some folders, by path in the repository."""
    paths = (path for folder in folders for path in (REPOSITORY / folder).rglob("*.py"))
    return {path.relative_to(REPOSITORY): path.read_text() for path in sorted(paths)}
