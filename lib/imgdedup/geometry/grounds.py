"""Compares pictures with transparency, on the grounds on which they show.

A copy without transparency was laid on one ground, and nothing tells on which. So it may agree with
either look of the transparent picture. Two transparent pictures that show on two grounds must agree
on both: what is white in them tells nothing on white.
"""

from collections.abc import Iterator

from imgdedup.config import VerifyConfig
from imgdedup.geometry.comparison import Verdict, compare
from imgdedup.geometry.picture import Picture


def compare_on_grounds(left: Picture, right: Picture, config: VerifyConfig) -> Verdict:
    """Decide whether two pictures are copies of each other, whatever the ground of either.

    The verdict does not depend on which of them is left.
    """
    if left.rank >= right.rank:
        return _compare_looks(left, right, config)
    return _compare_looks(right, left, config).exchanged()


def _compare_looks(left: Picture, right: Picture, config: VerifyConfig) -> Verdict:
    if left.second is None or right.second is None:
        looks = [(one, other) for one in _looks(left) for other in _looks(right)]
        return _first_of(compare(one, other, config) for one, other in looks)
    straight = (left, right), (left.second, right.second)
    crossed = (left, right.second), (left.second, right)  # their grounds are ranked otherwise
    return _first_of(
        _all_of(compare(one, other, config) for one, other in looks)
        for looks in (straight, crossed)
    )


def _looks(picture: Picture) -> list[Picture]:
    return [picture] if picture.second is None else [picture, picture.second]


def _first_of(verdicts: Iterator[Verdict]) -> Verdict:
    """The first verdict that finds copies, or else the first one."""
    first = next(verdicts)
    if first.duplicate:
        return first
    return next((verdict for verdict in verdicts if verdict.duplicate), first)


def _all_of(verdicts: Iterator[Verdict]) -> Verdict:
    """The first verdict that finds no copies, or else the first one."""
    first = next(verdicts)
    if not first.duplicate:
        return first
    return next((verdict for verdict in verdicts if not verdict.duplicate), first)
