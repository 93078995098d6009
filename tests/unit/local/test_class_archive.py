import os
import subprocess
from pathlib import Path

import pytest

from imgdedup.local.java import Java, choose_java
from imgdedup.local.prepared import class_archive


def test_without_an_archive_java_starts_as_usual(tmp_path: Path) -> None:
    assert class_archive.options(Java(tmp_path, 17), tmp_path) == ""


@pytest.mark.parametrize(
    ("version", "flag"), [(17, "SharedArchiveFile"), (24, "SharedArchiveFile"), (25, "AOTCache")]
)
def test_each_java_uses_an_archive_of_its_own(tmp_path: Path, version: int, flag: str) -> None:
    folder = tmp_path / "a folder"
    folder.mkdir()
    archive = class_archive.archive_path(Java(tmp_path, version), folder)
    archive.touch()
    assert class_archive.options(Java(tmp_path, version), folder).startswith(
        f'-XX:{flag}="{archive}" -Xlog:'
    )
    assert class_archive.options(Java(tmp_path, version + 1), folder) == ""


def test_a_java_that_cannot_make_an_archive_leaves_nothing_behind(tmp_path: Path) -> None:
    launcher = tmp_path / "home" / "bin" / "java"
    launcher.parent.mkdir(parents=True)
    launcher.write_text("#!/bin/sh\nexit 1\n")
    launcher.chmod(0o755)
    folder = tmp_path / "archives"
    assert class_archive.make(Java(tmp_path / "home", 17), folder) is None
    assert list(folder.iterdir()) == []


def test_spark_loads_its_classes_from_the_archive(tmp_path: Path) -> None:
    java = choose_java()
    options = class_archive.options(java)
    if not options:
        pytest.skip("the environment has no archive of Spark's classes; `make setup` makes it")
    log = tmp_path / "classes"
    environment = os.environ | {
        "JAVA_HOME": str(java.home),
        "SPARK_SUBMIT_OPTS": f"{options} -Xlog:class+load:file={log}",
    }
    subprocess.run(["spark-submit", "--version"], env=environment, check=True, capture_output=True)
    (own,) = (
        line for line in log.read_text().splitlines() if ".deploy.SparkSubmit source:" in line
    )
    assert "shared objects file" in own
