"""What surrounds a run on this machine: its arguments, its folder, its processes."""

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import psutil
import pytest

from imgdedup.errors import UserError
from imgdedup.local import airflow, processes, run, services, workspace


@pytest.mark.parametrize("dt", ["2026-02-30", "20260131", "2026-W05-1", "today", "", "2026-1-1"])
def test_a_text_that_is_no_day_is_refused(dt: str) -> None:
    with pytest.raises(UserError, match="2026-01-31"):
        run.require_day(dt)


def test_a_range_of_days_holds_both_its_ends() -> None:
    assert run.require_days("2026-02-27", "2026-03-01") == [
        "2026-02-27",
        "2026-02-28",
        "2026-03-01",
    ]
    for one_day in ("2026-02-27", "", None):
        assert run.require_days("2026-02-27", one_day) == ["2026-02-27"]
    with pytest.raises(UserError, match="ends on 2026-02-26, before it begins on 2026-02-27"):
        run.require_days("2026-02-27", "2026-02-26")


def test_settings_are_json_or_else_strings() -> None:
    texts = ["embed.batch_size=16", "embed.weights=a=b", 'spark.properties={"x.y": "1"}']
    assert run.parsed_settings(texts) == {
        "embed.batch_size": 16,
        "embed.weights": "a=b",
        "spark.properties": {"x.y": "1"},
    }


@pytest.mark.parametrize("text", ["batch_size=16", "embed.batch_size", "=3", "a.b.c=1"])
def test_a_text_that_is_no_setting_is_refused(text: str) -> None:
    with pytest.raises(UserError, match=r"section\.key=value"):
        run.parsed_settings([text])


def test_places_are_checked_before_anything_starts(tmp_path: Path) -> None:
    images, out = tmp_path / "images", tmp_path / "out"
    images.mkdir()
    (images / "2026-01-31").mkdir()
    (images / "a.jpg").touch()
    for name in ("a.parquet", "b", "c,d.parquet"):
        (images / name).write_bytes(b"PAR1")
    (images / "e.csv").touch()
    several = f"{images}/a.parquet,{images}/[bc]"
    for good in (images, *map(images.joinpath, ("a.parquet", "b", "c,d.parquet", "{dt}")), several):
        found = run.require_images(str(good), "2026-01-31", out)
        assert found == str(good).replace("{dt}", "2026-01-31")
    assert run.require_images("s3://b/{dt}", "2026-01-31", out) == "s3://b/2026-01-31"
    for remote in ("s3://b/c,d.parquet", "s3://b/c,s3://b/d"):
        assert run.require_images(remote, "2026-01-31", out) == remote
    with pytest.raises(UserError, match="no folder or file"):
        run.require_images(str(images / "none"), "2026-01-31", out)
    for name, message in {
        "a.jpg": "neither Parquet nor a folder",
        "e.csv": "duckdb",
        "a.parquet,b": "no folder or file .*/b",
        "n*": "no folder or file",
    }.items():
        with pytest.raises(UserError, match=message):
            run.require_images(str(images / name), "2026-01-31", out)
    for inside in (images, images / "out"):
        with pytest.raises(UserError, match="among the images"):
            run.require_images(str(images), "2026-01-31", inside)
    with pytest.raises(UserError, match="not on this machine"):
        run.require_local_folder("s3://bucket/out")


def test_at_least_one_day_of_a_range_must_be_there(tmp_path: Path) -> None:
    days, out = ["2026-01-30", "2026-01-31"], tmp_path / "out"
    for folder in ("images/2026-01-31", "others"):
        (tmp_path / folder).mkdir(parents=True)
    for good in (f"{tmp_path}/images/{{dt}}", f"{tmp_path}/others", "s3://b/{dt}"):
        assert run.require_images_of_range(good, days, out) == good
    with pytest.raises(UserError, match="for any day"):
        run.require_images_of_range(f"{tmp_path}/others/{{dt}}", days, out)
    with pytest.raises(UserError, match="among the images"):
        run.require_images_of_range(
            f"{tmp_path}/images/{{dt}}", days, tmp_path / "images" / days[1]
        )


def test_relative_weights_become_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "w.pth").touch()
    absolute = run.with_absolute_weights({"embed.weights": "w.pth"})
    assert absolute == {"embed.weights": str(tmp_path.resolve() / "w.pth")}
    assert run.with_absolute_weights({"embed.weights": "builtin"}) == {"embed.weights": "builtin"}


def test_weights_of_the_environment_yield_to_a_setting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[Any] = []

    def record(*given: Any) -> int:
        calls.append(given)
        return 0

    monkeypatch.setattr(run, "run_dag", record)
    monkeypatch.setenv("IMGDEDUP_WEIGHTS", "IMAGENET1K_V2")
    images = tmp_path / "images"
    images.mkdir()
    for settings in ({}, {"embed.weights": "builtin"}):
        assert run.run(str(images), tmp_path / "out", "2026-01-31", settings=settings) == 0
    assert [given[3]["embed.weights"] for given in calls] == ["IMAGENET1K_V2", "builtin"]


@pytest.mark.parametrize(("options", "expected"), [([], {}), (["--refit"], {"fit.refit": True})])
def test_a_refit_is_a_setting_of_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: list[str], expected: dict[str, bool]
) -> None:
    given: list[dict[str, object]] = []

    def record(*_: object, settings: dict[str, object], **__: object) -> int:
        given.append(settings)
        return 1

    monkeypatch.setattr(run, "run", record)
    places = ["--images", str(tmp_path), "--out", str(tmp_path / "out")]
    monkeypatch.setattr(sys, "argv", ["run", *places, "--set", "embed.batch_size=7", *options])
    assert run.main() == 1
    assert given == [{"embed.batch_size": 7, **expected}]


def test_a_range_of_days_is_one_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[object] = []
    printed: list[object] = []

    def record(root: Path, runs: object, *_: object) -> int:
        given.append(runs)
        return 0

    monkeypatch.setattr(run, "run_dag", record)
    monkeypatch.setattr(run.summary, "print_run", lambda root, days: printed.append(days))
    images, days = f"{tmp_path}/{{dt}}", ["2026-01-01", "2026-01-02"]
    for dt in days:
        (tmp_path / dt).mkdir()
    options = ["--images", images, "--out", str(tmp_path / "out"), "--dt", days[0]]
    for until in ([], ["--until", days[1]]):
        monkeypatch.setattr(sys, "argv", ["run", *options, *until])
        assert run.main() == 0
    assert given == [
        [{"dt": days[0], "manifest": images.replace("{dt}", days[0])}],
        [{"dt": days[0], "until": days[1], "manifest": images}],
    ]
    assert printed == [days[:1], days]


def test_an_unknown_setting_stops_the_run_before_it_writes(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"embed\.batch"):
        airflow.run_dag(tmp_path / "out", [], "local", {"embed.batch": 16})
    assert not (tmp_path / "out").exists()


def test_one_run_at_a_time_holds_a_root(tmp_path: Path) -> None:
    with (
        airflow.claimed(tmp_path),
        pytest.raises(UserError, match="in use by"),
        airflow.claimed(tmp_path),
    ):
        pass
    with airflow.claimed(tmp_path) as space:
        assert space.tmp.is_dir()
    assert not space.tmp.exists()


def test_a_root_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for root in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(UserError, match="not a folder"), airflow.claimed(root):
            pass


def test_settings_of_another_airflow_and_spark_are_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AIRFLOW__CORE__EXECUTOR", "AIRFLOW_VAR_IMGDEDUP_ROOT", "SPARK_HOME"):
        monkeypatch.setenv(name, "elsewhere")
    environment = workspace.environment(workspace.Workspace(tmp_path, tmp_path / "tmp", 0))
    assert "elsewhere" not in environment.values()
    assert environment["PATH"].startswith(f"{sys.prefix}/bin{os.pathsep}")
    assert environment["AIRFLOW_HOME"] == str(tmp_path / "airflow")


def test_the_embedded_airflow_may_use_a_cluster(tmp_path: Path) -> None:
    space = workspace.Workspace(tmp_path, tmp_path / "tmp", 0)
    masters = [
        json.loads(environment["AIRFLOW_CONN_SPARK_DEFAULT"])["host"]
        for environment in (
            workspace.environment(space),
            workspace.environment(space, "spark://127.0.0.1:7077"),
        )
    ]
    assert masters == ["local[*]", "spark://127.0.0.1:7077"]


def test_a_taken_port_is_replaced() -> None:
    with socket.socket() as taken:
        taken.bind((services.HOST, 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert services.free_port(port) not in (port, 0)
    assert services.free_port(port) == port


def test_ending_a_session_leaves_no_process_behind(tmp_path: Path) -> None:
    # A grandchild in a process group of its own whose parent is gone, as Spark's workers can be,
    # and a leader that ignores polite signals.
    script = (
        "import os, signal, subprocess, sys, time\n"
        "for each in (signal.SIGINT, signal.SIGTERM): signal.signal(each, signal.SIG_IGN)\n"
        "subprocess.run(['sh', '-c', 'sleep 600 & echo $!'])\n"
        "time.sleep(600)\n"
    )
    quick = ((signal.SIGINT, 0.2), (signal.SIGTERM, 0.2), (signal.SIGKILL, 5))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(processes, "_SIGNALS", quick)
        leader = processes.start(
            [sys.executable, "-c", script], os.environ, tmp_path, subprocess.PIPE
        )
        assert leader.stdout is not None
        orphan = int(leader.stdout.readline())
        assert psutil.pid_exists(orphan)
        processes.end([leader])
    assert not psutil.pid_exists(leader.pid)
    assert not psutil.pid_exists(orphan)
    leader.stdout.close()


def test_a_signal_becomes_an_exception_and_handlers_come_back() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(processes.Stopped) as stopped, processes.stoppable():
        signal.raise_signal(signal.SIGTERM)
    assert stopped.value.status == 128 + signal.SIGTERM
    assert signal.getsignal(signal.SIGTERM) == before
