"""The rules of the layout: who may import whom, and how long a file may be.

An import counts wherever it stands, inside functions too. `violations` is itself tested on sources
that break each rule, so that a rule cannot pass because it no longer looks at anything.
"""

import ast
import sys
from collections.abc import Callable, Iterator
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import NamedTuple

import pytest

REPOSITORY = Path(__file__).parents[2]
MAX_LINES = 300
_VERBS = ("scan", "embed", "fit", "index", "search", "verify", "group")
STAGES = {f"imgdedup.{stage}" for stage in _VERBS}
MILVUS = {"pymilvus", "milvus_lite"}
NETWORK = {"torch", "torchvision", "safetensors"}
LIGHT = {"imgdedup.config", "imgdedup.console", "imgdedup.errors", "imgdedup.guard"}
FOR_DAGS = sys.stdlib_module_names | {"airflow"} | LIGHT
NO_SPARK = {
    "imgdedup.decode",
    "imgdedup.sources",
    "imgdedup.encoder",
    "imgdedup.config",
    "imgdedup.projection",
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


RULES = [
    Rule(
        "stages do not import each other",
        lambda module: within(module, STAGES),
        lambda imported: within(imported, STAGES),
    ),
    Rule(
        "only the Milvus adapter imports Milvus",
        lambda module: not within(module, {"imgdedup.milvus", "imgdedup.milvus_server"}),
        lambda imported: within(imported, MILVUS),
    ),
    Rule(
        "only the encoder imports the network's libraries",
        lambda module: not within(module, {"imgdedup.encoder"}),
        lambda imported: within(imported, NETWORK),
    ),
    Rule(
        "decoding, sources, encoder, projection and configuration work without Spark",
        lambda module: within(module, NO_SPARK),
        lambda imported: within(imported, {"pyspark"}),
        through_ours=True,
    ),
    Rule(
        "geometry works without Spark and without the network's libraries",
        lambda module: within(module, {"imgdedup.geometry"}),
        lambda imported: within(imported, {"pyspark"} | NETWORK),
        through_ours=True,
    ),
    Rule(
        "DAGs import only Airflow, the standard library and our lightest modules",
        lambda module: within(module, {"dags"}),
        lambda imported: not within(imported, FOR_DAGS),
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


def violations(sources: dict[Path, str]) -> list[str]:
    """Return one line for each import in `sources`, by path in the repository, against a rule."""
    graph = {module_name(path): set(imports(path, source)) for path, source in sources.items()}
    return [
        f"{module} imports {imported}: {rule.text}"
        for module in graph
        for rule in RULES
        if rule.applies(module)
        for imported in sorted(reached(module, graph) if rule.through_ours else graph[module])
        if rule.forbids(imported)
    ]


def project_sources(*folders: str) -> dict[Path, str]:
    paths = (path for folder in folders for path in (REPOSITORY / folder).rglob("*.py"))
    return {path.relative_to(REPOSITORY): path.read_text() for path in sorted(paths)}


def test_every_import_keeps_the_rules() -> None:
    sources = project_sources("lib", "jobs", "dags", "benchmarks")
    assert {path.parts[0] for path in sources} == {"lib", "jobs", "dags", "benchmarks"}
    assert violations(sources) == []


@pytest.mark.parametrize(
    ("path", "source", "rule"),
    [
        ("lib/imgdedup/search.py", "from imgdedup import verify", "stages"),
        ("lib/imgdedup/search.py", "from imgdedup.verify import pairs", "stages"),
        ("lib/imgdedup/search.py", "from . import group", "stages"),
        ("lib/imgdedup/index.py", "def f():\n    from .embed import x", "stages"),
        ("lib/imgdedup/index.py", "import pymilvus.orm", "Milvus"),
        ("jobs/index.py", "from milvus_lite import server", "Milvus"),
        ("lib/imgdedup/embed.py", "import torch.nn as nn", "network"),
        ("lib/imgdedup/local/demo.py", "from safetensors.torch import load", "network"),
        ("lib/imgdedup/decode.py", "import pyspark", "Spark"),
        ("lib/imgdedup/encoder/__init__.py", "from pyspark.sql import Row", "Spark"),
        ("lib/imgdedup/encoder/weights.py", "import os, pyspark", "Spark"),
        ("lib/imgdedup/geometry/picture.py", "from pyspark.sql import Row", "geometry"),
        ("dags/image_dedup.py", "import pandas", "DAGs"),
        ("dags/image_dedup.py", "from imgdedup.job import main", "DAGs"),
    ],
)
def test_a_forbidden_import_is_found(path: str, source: str, rule: str) -> None:
    found = violations({Path(path): source})
    assert len(found) == 1
    assert rule in found[0]


def test_a_forbidden_import_is_found_behind_our_own_modules() -> None:
    sources = {
        Path("lib/imgdedup/decode.py"): "from imgdedup.errors import UserError",
        Path("lib/imgdedup/errors.py"): "from imgdedup import schemas",
        Path("lib/imgdedup/schemas.py"): "from pyspark.sql.types import StructType",
    }
    (found,) = violations(sources)
    assert found.startswith("imgdedup.decode imports pyspark.sql.types.StructType")
    sources = {
        Path("lib/imgdedup/geometry/picture.py"): "from imgdedup.encoder import Encoder",
        Path("lib/imgdedup/encoder/__init__.py"): "import torch",
    }
    (found,) = violations(sources)
    assert found.startswith("imgdedup.geometry.picture imports torch: geometry")


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("jobs/search.py", "from imgdedup import search"),
        ("lib/imgdedup/milvus.py", "from pymilvus import MilvusClient"),
        ("lib/imgdedup/encoder/model.py", "import torch\nfrom ..config import Encoder"),
        ("lib/imgdedup/embed.py", "from .schemas import EMBEDDINGS\nfrom pyspark.sql import Row"),
        ("dags/image_dedup.py", "import os.path\nfrom airflow.sdk import DAG"),
        ("dags/image_dedup.py", "from imgdedup.config import load"),
    ],
)
def test_an_allowed_import_is_not_reported(path: str, source: str) -> None:
    assert violations({Path(path): source}) == []


def shadowed(jobs: list[str], installed: set[str]) -> list[str]:
    """Return the jobs whose file would be imported in place of an installed module."""
    return [job for job in jobs if job in installed]


def test_no_job_shadows_an_installed_module() -> None:
    # spark-submit puts the folder of its script first on the import path.
    installed = sys.stdlib_module_names | packages_distributions().keys()
    jobs = [path.stem for path in project_sources("jobs")]
    assert shadowed(jobs, set(installed)) == []
    assert shadowed(["scan", "pandas", "select"], set(installed)) == ["pandas", "select"]


def too_long(sources: dict[Path, str]) -> list[str]:
    """Return the files with more than MAX_LINES lines."""
    return [str(path) for path, text in sources.items() if text.count("\n") > MAX_LINES]


def test_no_file_is_too_long() -> None:
    assert too_long(project_sources("lib", "jobs", "dags", "benchmarks", "tests")) == []
    assert too_long({Path("a.py"): "\n" * 300, Path("b.py"): "\n" * 301}) == ["b.py"]
