"""The four commands of removal: plan, apply, undo, purge. Each can be repeated.

All raise UserError when a person must mend something first, and TryAgain when another try may help,
such as while a run or another command works on the root.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from imgdedup.console import say
from imgdedup.errors import UserError
from imgdedup.removal import plans
from imgdedup.removal.faults import explained
from imgdedup.removal.journal import Journal
from imgdedup.removal.limits import Limits
from imgdedup.removal.moving import Done, Moving, amount, counted, require_none_barred, tell
from imgdedup.removal.roots import Root, alone, root_of
from imgdedup.report.tables import connected

_USUAL = Limits()
_SHOWN = 20  # sources named in the lines for the user


@dataclass(frozen=True)
class Planned:
    """A plan: what `apply` will move, and what it leaves out."""

    id: str
    images: int  # files that will be moved
    bytes: int  # of these files
    by_source: Mapping[str, tuple[int, int]]  # images and bytes of each source
    left_out: Mapping[str, int]  # images by the reason why they are not moved


@dataclass(frozen=True)
class Moved:
    """What `apply`, `undo` or `purge` did.

    `left` are uris of files that a check kept where they are, each with the reason.
    """

    plan: str
    images: int  # of apply: all that are in the quarantine by now; else put back or deleted
    bytes: int
    left: Mapping[str, str]


def plan(root: str, limits: Limits = _USUAL) -> Planned:
    """Write the table `plan` from the tables under `root` (a path or uri). No image is touched.

    The same tables and the same limits give the same plan.
    """
    with _work(root, "plan") as place:
        made, is_new = plans.make(place, limits)
    say(f"plan {made.id}: {amount(made.images, made.bytes)} can go")
    largest = sorted(made.by_source.items(), key=lambda item: -item[1][0])
    for source, (images, size) in largest[:_SHOWN]:
        say(f"plan {made.id}: {amount(images, size)} from {source}")
    if len(largest) > _SHOWN:
        say(f"plan {made.id}: {len(largest) - _SHOWN:,} more sources, which the table has")
    for why, images in made.left_out.items():
        say(f"plan {made.id}: {counted(images)} left out: {why}")
    if not is_new:
        say(f"plan {made.id}: it was there already")
    return Planned(made.id, made.images, made.bytes, made.by_source, made.left_out)


def apply(root: str, plan_id: str) -> Moved:
    """Move the images of a plan to the quarantine beside them.

    A plan older than the tables raises UserError. After a crash the same call goes on.
    """
    with _opened(root, plan_id, "apply") as (place, _, moving):
        waiting = moving.waiting()
        if waiting:
            plans.require_fresh(place, plans.read(place, plan_id))
            say(f"apply {plan_id}: {_amount_of(Done(waiting))} to move")
        done = moving.apply()
        held = Done(moving.held())
    say(f"apply {plan_id}: {_amount_of(held)} in the quarantine, {len(done.left):,} left alone")
    tell(done.left)
    require_none_barred("apply", done)
    return Moved(plan_id, len(held.images), held.bytes, done.left)


def undo(root: str, plan_id: str) -> Moved:
    """Put all images of a plan back from the quarantine, never over another file."""
    with _opened(root, plan_id, "undo") as (_, journal, moving):
        done = moving.undo()
        gone = journal.held("gone")
    left = {**done.left, **dict.fromkeys(gone, "it was purged, and cannot come back")}
    say(f"undo {plan_id}: {_amount_of(done)} put back, {len(left):,} not")
    tell(left)
    require_none_barred("undo", done)
    return Moved(plan_id, len(done.images), done.bytes, left)


def purge(root: str, plan_id: str, older_than: timedelta) -> Moved:
    """Delete what a plan has moved, when all of it has been in the quarantine for `older_than`.

    A file whose keeper is not there with its content stays. So does a file that people call
    different from its keeper by now, or no longer the same.
    """
    with _opened(root, plan_id, "purge") as (place, journal, moving):
        held = Done(moving.held())
        moments = [known.at for known in journal.held("quarantine").values()]
        if moments:
            _require_age(plan_id, max(moments), older_than)
            say(f"purge {plan_id}: {_amount_of(held)} to delete, once their keepers are checked")
        done = moving.purge(plans.verdicts(place))
    say(f"purge {plan_id}: {_amount_of(done)} deleted, {len(done.left):,} left in the quarantine")
    tell(done.left)
    require_none_barred("purge", done)
    return Moved(plan_id, len(done.images), done.bytes, done.left)


def _require_age(plan_id: str, since: datetime, older_than: timedelta) -> None:
    ready = since + older_than
    if datetime.now(UTC) < ready:
        raise UserError(
            f"the plan {plan_id} was applied on {since:%Y-%m-%d %H:%M} UTC: purge it after "
            f"{ready:%Y-%m-%d %H:%M} UTC, or with a smaller OLDER_THAN"
        )


@contextmanager
def _work(location: str, command: str) -> Iterator[Root]:
    """The root of tables, and nobody else who works on it."""
    root = root_of(location)
    try:
        connected(location, ()).close()  # a mistyped root gets no folder for a lock
        with alone(root, command):
            yield root
    except OSError as error:
        raise UserError(f"{location}: {explained(error, location)}") from None


@contextmanager
def _opened(location: str, plan_id: str, command: str) -> Iterator[tuple[Root, Journal, Moving]]:
    """A plan whose files are all known to be in one place, and nobody else who moves them."""
    root = root_of(location)
    try:
        plans.read(root, plan_id)
        with alone(root, command) as require_lock:
            journal = Journal(root, plans.folder_of(root, plan_id))
            images, leaving = plans.images(root, plan_id)
            moving = Moving(plan_id, images, journal, leaving, require_lock)
            moving.settle()
            yield root, journal, moving
    except OSError as error:
        raise UserError(f"{location}: {explained(error, location)}") from None


def _amount_of(done: Done) -> str:
    return amount(len(done.images), done.bytes)
