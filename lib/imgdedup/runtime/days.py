"""Data days as text, YYYY-MM-DD."""

from datetime import date, timedelta

from imgdedup.errors import UserError


def days_between(first: str, last: str) -> list[str]:
    """All days from `first` to `last`; UserError when `last` is earlier."""
    one, other = date.fromisoformat(first), date.fromisoformat(last)
    if other < one:
        raise UserError(f"the range of days ends on {last}, before it begins on {first}")
    return [(one + timedelta(days=n)).isoformat() for n in range((other - one).days + 1)]
