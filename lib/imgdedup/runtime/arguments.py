"""The arguments of a job script."""

import argparse
import json
from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path


def parse_arguments(job: str, stages: Sequence[str]) -> argparse.Namespace:
    """Read the command line of the script of a job with these `stages`, in their order.

    Wrong arguments end the script with status 2.
    """
    parser = argparse.ArgumentParser(prog=f"{job}.py")
    parser.add_argument(
        "--stages",
        default=tuple(stages),
        type=_some_of(stages),
        help=f"stages to run, with commas between them: {','.join(stages)} if left out",
    )
    parser.add_argument("--root", required=True, help="folder or URI that holds the tables")
    parser.add_argument("--dt", required=True, type=_day, help="data day, YYYY-MM-DD")
    parser.add_argument(
        "--until", default=None, type=_day_or_none, help="last day of a range that starts on --dt"
    )
    parser.add_argument("--run-id", required=True, help="name of this run, for lineage")
    parser.add_argument("--conf-dir", required=True, type=Path, help="folder of base.toml")
    parser.add_argument("--overlay", required=True, help="configuration overlay: local, cluster")
    parser.add_argument(
        "--settings", default={}, type=_settings, help='JSON of "section.key": value'
    )
    parser.add_argument(
        "--manifest", default="", help="for scan: folder, prefix or Parquet; may hold {dt}"
    )
    return parser.parse_args()


def _some_of(stages: Sequence[str]) -> Callable[[str], tuple[str, ...]]:
    def chosen(text: str) -> tuple[str, ...]:
        named = {name.strip() for name in text.split(",")}
        unknown = sorted(named.difference(stages))
        if unknown:
            raise argparse.ArgumentTypeError(
                f"no stage of this job: {', '.join(unknown)}; it has {', '.join(stages)}"
            )
        return tuple(stage for stage in stages if stage in named)

    return chosen


def _day(text: str) -> str:
    return date.fromisoformat(text).isoformat()


def _day_or_none(text: str) -> str | None:
    return _day(text) if text else None


def _settings(text: str) -> dict[str, object]:
    settings = json.loads(text)
    if not isinstance(settings, dict):
        raise ValueError(text)
    return settings
