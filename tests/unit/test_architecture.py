"""The rules of the layout: who may import whom, how large things may be, and what stands once.

An import counts wherever it stands, inside functions too. The functions that find violations are
themselves tested on sources that break each rule, so that no rule can pass because it no longer
looks at anything.
"""

import ast
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from imgdedup.flow import JOBS, STAGES
from tests.unit.layout import (
    MAX_ENTRIES,
    MAY_IMPORT,
    REPOSITORY,
    circles,
    crowded_folders,
    import_violations,
    module_name,
    project_sources,
    too_long,
)

FOLDERS = ("lib", "jobs", "dags", "benchmarks")
JOB_LINES = 10


def test_every_import_keeps_the_rules() -> None:
    sources = project_sources(*FOLDERS)
    assert {path.parts[0] for path in sources} == set(FOLDERS)
    assert import_violations(sources) == []


@pytest.mark.parametrize(
    ("path", "source", "rule"),
    [
        ("stages/search/stage.py", "from imgdedup.stages import verify", "stages do not"),
        ("stages/search/stage.py", "from imgdedup.stages.verify.pairs import x", "stages do not"),
        ("stages/index.py", "from . import group", "stages do not"),
        ("stages/index.py", "import imgdedup.stages", "stages do not"),
        ("stages/index.py", "from imgdedup import stages", "stages do not"),
        ("stages/index.py", "def f():\n    from .embed import x", "stages do not"),
        ("stages/scan/stage.py", "from imgdedup.local import run", "stages may import"),
        ("stages/scan/stage.py", "from imgdedup.corpora import edits", "nothing but local"),
        ("runtime/job.py", "from imgdedup.stages import scan", "runtime may import"),
        ("settling/changes.py", "from imgdedup.milvus import client", "settling may import"),
        ("relations/contents.py", "from imgdedup.lake import Lake", "relations may import"),
        ("lake/lake.py", "from imgdedup.config import LakeConfig", "lake may import"),
        ("space/vectors.py", "from imgdedup.images import decode", "space may import"),
        ("errors.py", "from imgdedup.console import say", "errors may import"),
        ("settling/changes.py", "from imgdedup.lake.files import Files", "one door"),
        ("stages/index.py", "import pymilvus.orm", "only milvus"),
        ("stages/embed/worker.py", "import torch.nn as nn", "only encoder"),
        ("local/demo.py", "from safetensors.torch import load", "only encoder"),
        ("stages/embed/worker.py", "from openvino import Core", "only encoder"),
        ("images/decode.py", "import pyspark", "without Spark"),
        ("encoder/__init__.py", "from pyspark.sql import Row", "without Spark"),
        ("encoder/weights.py", "import os, pyspark", "without Spark"),
        ("geometry/picture.py", "from pyspark.sql import Row", "without Spark"),
        ("flow.py", "import pyspark", "without Spark"),
        ("flow.py", "import pandas", "light"),
        ("runtime/__init__.py", "import pandas", "light"),
        ("runtime/guard.py", "from imgdedup.runtime import job", "light"),
    ],
)
def test_a_forbidden_import_is_found(path: str, source: str, rule: str) -> None:
    found = import_violations({Path("lib/imgdedup") / path: source})
    assert any(rule in line for line in found), found


@pytest.mark.parametrize(
    ("path", "source", "rule"),
    [
        ("jobs/index.py", "from milvus_lite import server", "only milvus"),
        ("jobs/index.py", "from imgdedup.lake.lock import exclusive", "one door"),
        ("jobs/index.py", "from imgdedup.corpora import edits", "nothing but local"),
        ("dags/image_dedup.py", "import pandas", "DAGs"),
        ("dags/image_dedup.py", "from imgdedup.runtime.job import main", "DAGs"),
    ],
)
def test_a_forbidden_import_of_a_script_is_found(path: str, source: str, rule: str) -> None:
    (found,) = import_violations({Path(path): source})
    assert rule in found


def test_a_forbidden_import_is_found_behind_our_own_modules() -> None:
    sources = {
        Path("lib/imgdedup/images/decode.py"): "from imgdedup.errors import ImageFailure",
        Path("lib/imgdedup/errors.py"): "from pyspark.sql.types import StructType",
    }
    found = import_violations(sources)
    assert any(line.startswith("imgdedup.images.decode imports pyspark.sql") for line in found)


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("jobs/dedup.py", "from imgdedup.stages import search"),
        ("lib/imgdedup/milvus/client.py", "from pymilvus import MilvusClient"),
        ("lib/imgdedup/encoder/network.py", "import torch\nfrom ..config import EmbedConfig"),
        ("lib/imgdedup/stages/search/stage.py", "from imgdedup.stages.search import crowds"),
        ("lib/imgdedup/stages/group.py", "from imgdedup.lake.schemas import GROUPS"),
        ("lib/imgdedup/lake/lake.py", "from imgdedup.lake.files import Files"),
        ("lib/imgdedup/local/demo.py", "from imgdedup.corpora import corpus"),
        ("dags/image_dedup.py", "import os.path\nfrom airflow.sdk import DAG"),
        ("dags/image_dedup.py", "from imgdedup.config import load"),
    ],
)
def test_an_allowed_import_is_not_reported(path: str, source: str) -> None:
    assert import_violations({Path(path): source}) == []


def test_the_import_map_has_every_entry_of_the_package() -> None:
    folder = REPOSITORY / "lib/imgdedup"
    entries = {path.stem for path in [*folder.glob("*.py"), *folder.glob("*/__init__.py")]}
    packages = {path.parent.name for path in folder.glob("*/__init__.py")}
    assert (entries | packages) - {"__init__"} == MAY_IMPORT.keys()


def test_no_module_imports_itself_in_a_circle() -> None:
    assert circles(project_sources("lib")) == []
    planted = {
        Path("lib/imgdedup/local/airflow.py"): "from imgdedup.local.services import running",
        Path("lib/imgdedup/local/services.py"): "def f():\n    from imgdedup.local.ui import serve",
        Path("lib/imgdedup/local/ui.py"): "from imgdedup.local import airflow",
        Path("lib/imgdedup/local/run.py"): "from imgdedup.local.airflow import run_dag",
    }
    (circle,) = circles(planted)
    assert circle == [f"imgdedup.local.{name}" for name in ("airflow", "services", "ui")]


def test_no_folder_has_too_many_entries() -> None:
    assert crowded_folders(project_sources("lib")) == []
    many = {Path(f"lib/imgdedup/m{number}.py"): "" for number in range(MAX_ENTRIES)}
    assert crowded_folders(many) == []
    (line,) = crowded_folders(many | {Path("lib/imgdedup/stages/group.py"): ""})
    assert line == f"lib/imgdedup has {MAX_ENTRIES + 1} entries"


def test_no_file_is_too_long() -> None:
    assert too_long(project_sources(*FOLDERS, "tests"), 300) == []
    assert too_long({Path("a.py"): "\n" * 300, Path("b.py"): "\n" * 301}, 300) == ["b.py"]


def test_the_script_of_a_job_does_nothing_but_name_its_stages() -> None:
    scripts = {path.stem: text for path, text in project_sources("jobs").items()}
    for job in JOBS:
        text, names = scripts[job.name], [stage.name for stage in job.stages]
        assert len(text.splitlines()) <= JOB_LINES
        assert f"from imgdedup.stages import {', '.join(sorted(names))}\n" in text
        bodies = ", ".join(f"{name}={name}.run" for name in names)
        assert text.endswith(f'    job.main("{job.name}", {bodies})\n')


def shadowed(jobs: list[str], installed: set[str]) -> list[str]:
    """Return the jobs whose file would be imported in place of an installed module."""
    return [job for job in jobs if job in installed]


def test_no_job_shadows_an_installed_module() -> None:
    # spark-submit puts the folder of its script first on the import path.
    installed = sys.stdlib_module_names | packages_distributions().keys()
    jobs = [path.stem for path in project_sources("jobs")]
    assert shadowed(jobs, set(installed)) == []
    assert shadowed(["scan", "pandas", "select"], set(installed)) == ["pandas", "select"]


def attributes(source: str) -> set[str]:
    """The names of the attributes that a source reads or sets."""
    return {node.attr for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Attribute)}


def test_the_setting_of_a_repair_is_consulted_by_the_settlement_alone() -> None:
    sources = {module_name(path): text for path, text in project_sources("lib").items()}
    found = {name for name, text in sources.items() if "repair" in attributes(text)}
    # The job hands the setting to the lake, and the lake keeps it.
    assert found == {
        "imgdedup.runtime.job",
        "imgdedup.lake.lake",
        "imgdedup.settling.settlement",
    }
    assert "repair" in attributes("def f(run):\n    return run.config.lake.repair")


def lists_of_stages(source: str) -> int:
    """How many literals of a source name all stages."""
    literals = [
        node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.List | ast.Tuple)
    ]
    named = [{getattr(item, "value", None) for item in literal.elts} for literal in literals]
    return sum(names >= set(STAGES) for names in named)


def test_the_order_of_the_stages_stands_in_flow_alone() -> None:
    sources = project_sources(*FOLDERS)
    assert [str(path) for path, text in sources.items() if lists_of_stages(text)] == []
    assert STAGES == ("scan", "embed", "fit", "index", "search", "verify", "group")
    assert lists_of_stages(f"STAGES = {STAGES}") == 1


def test_every_stage_has_a_module() -> None:
    for stage in STAGES:
        folder = REPOSITORY / "lib/imgdedup/stages"
        assert (folder / f"{stage}.py").is_file() or (folder / stage / "stage.py").is_file()
