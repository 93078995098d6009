"""`make plan`, `make apply`, `make undo`, `make purge`.

python -m imgdedup.removal plan --root ROOT [--protect PLACES] [--most-images N]
    [--most-share S] [--across]
python -m imgdedup.removal apply|undo|purge --root ROOT --plan ID [--older-than 30d]
"""

import argparse
import fcntl
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import TypeVar

from imgdedup.console import say
from imgdedup.errors import TryAgain, UserError
from imgdedup.lake import PRIVATE
from imgdedup.removal import commands
from imgdedup.removal.limits import Limits
from imgdedup.report.terminal import shown
from imgdedup.sources import local_path

_AGE = re.compile(r"(\d{1,6})([dhm])")
_Number = TypeVar("_Number", int, float)
_WIDTH = 40  # columns of what the user gave
_UNITS = {"d": "days", "h": "hours", "m": "minutes"}


def main(arguments: Sequence[str] | None = None) -> int:
    """Read the arguments and work; the exit status."""
    given = _parser().parse_args(arguments)
    try:
        if "\0" in given.root:
            raise UserError("OUT (--root) holds a NUL character")
        with _no_local_run(given.root):
            return _work(given)
    except (UserError, TryAgain) as error:
        say(f"error: {error}")
        return 2 if isinstance(error, UserError) else 1


def _work(given: argparse.Namespace) -> int:
    if given.command == "plan":
        commands.plan(given.root, _limits(given))
        return 0
    if given.command == "apply":
        commands.apply(given.root, given.plan)
        return 0
    if given.command == "purge":
        commands.purge(given.root, given.plan, _age(given.older_than))
        return 0
    return 2 if commands.undo(given.root, given.plan).left else 0


def _limits(given: argparse.Namespace) -> Limits:
    places = tuple(place for place in given.protect.split(",") if place)
    try:
        images = _number(given.most_images, int, "MOST_IMAGES (--most-images) is no whole number")
        share = _number(given.most_share, float, "MOST_SHARE (--most-share) is no number")
        return Limits(images, share, places, given.across)
    except ValueError as error:
        raise UserError(f"MOST_IMAGES or MOST_SHARE (--most-...): {error}") from None


def _number(text: str | float, kind: Callable[[str | float], _Number], fault: str) -> _Number:
    try:
        return kind(text)
    except ValueError:
        raise UserError(f"{fault}: {shown(str(text), _WIDTH)}") from None


def _age(text: str) -> timedelta:
    found = _AGE.fullmatch(text)
    if found is None:
        raise UserError(f"OLDER_THAN (--older-than) is no age: {text}: write 30d, 12h or 90m")
    return timedelta(**{_UNITS[found[2]]: int(found[1])})


@contextmanager
def _no_local_run(root: str) -> Iterator[None]:
    """Hold what `make run` holds on a folder, if a run was ever there."""
    path = local_path(root)
    if path is None or not (path / PRIVATE / "lock").exists():
        yield
        return
    with (path / PRIVATE / "lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise TryAgain(
                f"{root} is in use by a run or `make ui`: try again when it has ended"
            ) from None
        yield


def _parser() -> argparse.ArgumentParser:
    usual = Limits()
    parser = argparse.ArgumentParser(prog="python -m imgdedup.removal")
    chosen = parser.add_subparsers(dest="command", required=True)
    plan = chosen.add_parser("plan", help="write what may go into the table plan")
    plan.add_argument("--protect", default="", help="paths or uris with commas between")
    plan.add_argument("--most-images", default=usual.most_images, help="files that may go")
    plan.add_argument("--most-share", default=usual.most_share, help="of a folder that may go")
    plan.add_argument("--across", action="store_true", help="also copies of another source")
    others = {
        "apply": "move the images of a plan to the quarantine",
        "undo": "put them back",
        "purge": "delete them from the quarantine",
    }
    for name, words in others.items():
        chosen.add_parser(name, help=words).add_argument("--plan", required=True, help="its id")
    chosen.choices["purge"].add_argument("--older-than", required=True, help="30d, 12h or 90m")
    for command in chosen.choices.values():
        command.add_argument("--root", required=True, help="folder or uri of the tables")
    return parser


if __name__ == "__main__":
    sys.exit(main())
