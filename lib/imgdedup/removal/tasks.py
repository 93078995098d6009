"""What the tasks of the DAG `image_dedup_removal` do, and the words that a person approves."""

from collections.abc import Mapping
from typing import Any

from imgdedup.errors import UserError
from imgdedup.removal import commands
from imgdedup.removal.commands import Planned
from imgdedup.removal.limits import Limits
from imgdedup.removal.moving import amount
from imgdedup.report.terminal import shown

SOURCES = 10  # that are named; also reasons
_WIDTH = 120  # columns of a name


def plan(root: str, params: Mapping[str, Any]) -> dict[str, object]:
    """Plan with the parameters of a run: the plan's `id`, its `images`, and the `words` on it."""
    try:
        limits = Limits(
            params["most_images"], params["most_share"], tuple(params["protect"]), params["across"]
        )
    except ValueError as error:
        raise UserError(str(error)) from None
    planned = commands.plan(root, limits)
    return {"id": planned.id, "images": planned.images, "words": words(planned, root)}


def apply(root: str, plan_id: str) -> dict[str, object]:
    """Move the images of a plan: how many are in the quarantine, and how many were left alone."""
    moved = commands.apply(root, plan_id)
    return {"id": moved.plan, "images": moved.images, "bytes": moved.bytes, "left": len(moved.left)}


def words(planned: Planned, root: str) -> str:
    """What a person should know before they approve a plan, in Markdown."""
    sources = sorted(planned.by_source.items(), key=lambda item: (-item[1][1], item[0]))
    reasons = sorted(planned.left_out.items(), key=lambda item: (-item[1], item[0]))
    lines = [
        f"Apply moves {amount(planned.images, planned.bytes)} to a quarantine. "
        f"It deletes nothing, and `undo` puts all of them back.",
        "",
        *_listed([f"{_code(name)}: {amount(*of)}" for name, of in sources], "sources"),
        "",
    ]
    if reasons:
        lines += ["Copies that stay:", ""]
        lines += [*_listed([f"{count:,}: {why}" for why, count in reasons], "reasons"), ""]
    lines += [
        f"Look first: the report is {_code(f'{root}/report/index.html')}. The table "
        f"{_code(f'{root}/plan')} names every image, its keeper and why; its rows for this plan "
        f"have the id `{planned.id}`."
    ]
    return "\n".join(lines)


def _listed(items: list[str], what: str) -> list[str]:
    more = [f"- and {len(items) - SOURCES:,} more {what}"] if len(items) > SOURCES else []
    return [*(f"- {item}" for item in items[:SOURCES]), *more]


def _code(name: str) -> str:
    """A name as code, in which Markdown and HTML mean nothing."""
    return f"`{shown(name, _WIDTH).replace('`', chr(39))}`"
