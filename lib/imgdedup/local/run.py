"""`make run`: the whole job on the images of a day or of a range of days, on this machine.

python -m imgdedup.local.run --images FOLDER --out FOLDER [--dt DAY] [--until DAY] [--refit]
    [--set section.key=value]
"""

import argparse
import glob
import json
import os
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from pathlib import Path

from imgdedup.console import say
from imgdedup.errors import UserError
from imgdedup.local import summary
from imgdedup.local.airflow import run_dag
from imgdedup.local.workspace import LOCAL
from imgdedup.runtime.days import days_between
from imgdedup.stages.scan.finding import require_manifest_file
from imgdedup.stages.scan.places import split

WEIGHTS = "embed.weights"


def run(
    images: str,
    out: Path,
    *days: str,
    overlay: str = "local",
    settings: Mapping[str, object] | None = None,
    master: str = LOCAL,
) -> int:
    """Run the DAG for each of `days` (YYYY-MM-DD) in turn; return the exit status.

    `images` is a folder, a Parquet file, an object-store URI, a pattern of these, or several of
    them with commas between; `{dt}` in it stands for the day.
    The jobs run on the Spark at `master`, whose nodes see the folder `out` where this machine does.
    Days given together share one start of Airflow. The environment variable IMGDEDUP_WEIGHTS
    names the weights unless `settings` does. Raises UserError when the run cannot start.
    """
    folder = require_local_folder(str(out))
    manifests = {require_day(dt): require_images(images, dt, folder) for dt in days}
    runs = [{"dt": dt, "manifest": manifest} for dt, manifest in manifests.items()]
    return run_dag(folder, runs, overlay, _chosen(settings), master)


def run_range(
    images: str,
    out: Path,
    days: Sequence[str],
    *,
    overlay: str = "local",
    settings: Mapping[str, object] | None = None,
) -> int:
    """Run the DAG once for the range of `days`, all from the first to the last; see `run`."""
    folder = require_local_folder(str(out))
    manifest = require_images_of_range(images, days, folder)
    one = {"dt": days[0], "until": days[-1], "manifest": manifest}
    return run_dag(folder, [one], overlay, _chosen(settings))


def _chosen(settings: Mapping[str, object] | None) -> dict[str, object]:
    weights = os.environ.get("IMGDEDUP_WEIGHTS")
    return with_absolute_weights({**({WEIGHTS: weights} if weights else {}), **(settings or {})})


def require_days(dt: str, until: str | None) -> list[str]:
    """Return the days from `dt` to `until`, or `dt` alone; UserError for a wrong day or range."""
    return days_between(require_day(dt), require_day(until or dt))


def require_day(dt: str) -> str:
    """Return `dt`; UserError unless it is a date of the form YYYY-MM-DD."""
    try:
        if not re.fullmatch(r"\d{4}-\d\d-\d\d", dt):
            raise ValueError
        return date.fromisoformat(dt).isoformat()
    except ValueError:
        raise UserError(f'"{dt}" is not a day: write it as 2026-01-31') from None


def require_local_folder(out: str) -> Path:
    """Return the folder for the results as an absolute path; UserError for a URI."""
    if _is_uri(out):
        raise UserError(
            f"{out} is not on this machine: give a folder for the results, or use the DAG in your "
            "own Airflow to write to an object store"
        )
    return Path(out).expanduser().resolve()


def require_images(images: str, dt: str, out: Path) -> str:
    """Return the absolute place of the images of a day; UserError when nothing usable is there.

    It may be several places, with commas between, and patterns of places. What lies in an object
    store and what a folder holds is not checked here: the job checks it.
    """
    place = images.replace("{dt}", dt)
    if _is_uri(place):
        parts = split(place)
    else:
        parts = [place] if Path(place).expanduser().exists() else place.split(",")
    return ",".join(_require_place(part, out) for part in parts)


def _require_place(place: str, out: Path) -> str:
    if _is_uri(place):
        return place
    path = Path(place).expanduser().resolve()
    if not place.strip():
        raise UserError("IMAGES (--images) names no place: say where the images are")
    matches = [path] if path.exists() else list(map(Path, glob.glob(str(path), recursive=True)))
    if not matches:
        raise UserError(
            f"there is no folder or file {path}: say with IMAGES (--images) where the images are"
        )
    if path.is_file():
        require_manifest_file(str(path))
    if any(map(out.is_relative_to, matches)):
        raise UserError(
            f"the results in {out} would lie among the images in {path} and be taken for images: "
            "choose another folder for them"
        )
    return str(path)


def require_images_of_range(images: str, days: Sequence[str], out: Path) -> str:
    """Return the absolute place of the images of a range; `{dt}` in it stands for the day.

    At least one day must be there, else UserError. Missing days are left out.
    """
    if _is_uri(images):
        return images
    if "{dt}" not in images:  # a Parquet folder with partitions; the job refuses others
        return require_images(images, days[0], out)
    parts = [Path(part).expanduser().resolve() for part in images.split(",")]
    there = [dt for dt in days if all(_is_there(str(part).replace("{dt}", dt)) for part in parts)]
    place = ",".join(map(str, parts))
    if not there:
        raise UserError(
            f"there is no folder or file {place} for any day: correct IMAGES (--images)"
        )
    for dt in there:
        require_images(images, dt, out)
    return place


def _is_there(place: str) -> bool:
    return Path(place).exists() or bool(glob.glob(place, recursive=True))


def parsed_settings(assignments: Iterable[str]) -> dict[str, object]:
    """Return `section.key=value` texts as settings; a value that is no JSON is a string."""
    settings: dict[str, object] = {}
    for assignment in assignments:
        key, equals, value = assignment.partition("=")
        if not equals or not re.fullmatch(r"[a-z_]+\.[a-z_]+", key):
            raise UserError(f'"{assignment}" is not a setting: write it as section.key=value')
        try:
            settings[key] = json.loads(value)
        except ValueError:
            settings[key] = value
    return settings


def with_absolute_weights(settings: Mapping[str, object]) -> dict[str, object]:
    """Return the settings with an absolute path of weights, since jobs run in other folders."""
    weights = settings.get(WEIGHTS)
    if isinstance(weights, str) and not _is_uri(weights) and Path(weights).expanduser().exists():
        return {**settings, WEIGHTS: str(Path(weights).expanduser().resolve())}
    return dict(settings)


def _is_uri(place: str) -> bool:
    return re.match(r"[a-z][a-z0-9+.-]*://", place) is not None


def main() -> int:
    """Read the arguments and run; a UserError becomes one line and status 2."""
    parser = argparse.ArgumentParser(prog="python -m imgdedup.local.run")
    parser.add_argument("--images", required=True, help="folder, Parquet, pattern or URI")
    parser.add_argument("--out", required=True, help="folder for the results")
    parser.add_argument("--dt", default=date.today().isoformat(), help="data day; default: today")
    parser.add_argument("--until", help="last day of a range that --dt begins; default: one day")
    parser.add_argument("--overlay", default="local", help="configuration over conf/base.toml")
    parser.add_argument(
        "--set", action="append", default=[], metavar="section.key=value", help="single settings"
    )
    parser.add_argument("--refit", action="store_true", help="learn the projection again")
    arguments = parser.parse_args()
    refit = {"fit.refit": True} if arguments.refit else {}
    try:
        out, days = require_local_folder(arguments.out), require_days(arguments.dt, arguments.until)
        chosen = {**parsed_settings(arguments.set), **refit}
        if len(days) == 1:
            status = run(arguments.images, out, *days, overlay=arguments.overlay, settings=chosen)
        else:
            status = run_range(
                arguments.images, out, days, overlay=arguments.overlay, settings=chosen
            )
        if not status:
            summary.print_run(out, days)
        return status
    except UserError as error:
        say(f"error: {error}")
        return 2


if __name__ == "__main__":
    sys.exit(main())
