"""How numbers and times are shown in the pages."""

from datetime import datetime

NONE = "-"
_UNITS = ("bytes", "KB", "MB", "GB", "TB", "PB")


def number(value: int | None) -> str:
    """An integer with its thousands apart; a dash for none."""
    return NONE if value is None else f"{value:,}"


def size(value: int) -> str:
    """Bytes, in a unit that people read: 1 KB is 1,000 bytes."""
    amount = float(value)
    for unit in _UNITS:
        if amount < 1000 or unit == _UNITS[-1]:
            break
        amount /= 1000
    return f"{amount:,.0f} {unit}" if unit == "bytes" else f"{amount:,.1f} {unit}"


def seconds(value: float) -> str:
    """A duration."""
    if value < 120:
        return f"{value:.1f} s"
    minutes, rest = divmod(round(value), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min {rest:02} s"


def moment(value: datetime) -> str:
    """A moment in UTC, to the minute."""
    return f"{value:%Y-%m-%d %H:%M} UTC"


def days(found: tuple[str, ...]) -> str:
    """A day, or a range of days."""
    return " to ".join(dict.fromkeys((found[0], found[-1]))) if found else NONE
