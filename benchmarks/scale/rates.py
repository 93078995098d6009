"""Reads `rates.toml`."""

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PATH = Path(__file__).with_name("rates.toml")
_ORIGINS = {"measured", "assumed"}


@dataclass(frozen=True)
class Rate:
    """A number, its unit, and where it comes from."""

    value: float
    unit: str
    is_measured: bool
    origin: str


class Rates:
    """All rates, by their names: `section.name`."""

    def __init__(self, rates: Mapping[str, Rate]) -> None:
        self._rates = dict(rates)

    def __call__(self, name: str) -> float:
        """The value of one rate."""
        return self._rates[name].value

    def __iter__(self) -> Iterator[tuple[str, Rate]]:
        """All names with their rates."""
        return iter(self._rates.items())

    def changed(self, **values: float) -> "Rates":
        """The same rates with other values; two underscores stand for a dot."""
        rates = dict(self._rates)
        for key, value in values.items():
            name = key.replace("__", ".")
            rates[name] = Rate(value, rates[name].unit, False, "given by the caller")
        return Rates(rates)


def read(path: Path = PATH) -> Rates:
    """Read a file of rates; ValueError names a rate without a number, a unit or one origin."""
    return Rates(dict(_flat("", tomllib.loads(path.read_text(encoding="utf-8")))))


def _flat(prefix: str, values: Mapping[str, Any]) -> Iterator[tuple[str, Rate]]:
    for key, value in values.items():
        name = f"{prefix}{key}"
        if not isinstance(value, dict):
            raise ValueError(f"{name} is no rate")
        if "value" in value or "unit" in value:
            yield name, _rate(name, value)
        else:
            yield from _flat(f"{name}.", value)


def _rate(name: str, given: Mapping[str, Any]) -> Rate:
    origins = given.keys() & _ORIGINS
    if len(origins) != 1 or given.keys() != {"value", "unit", *origins}:
        raise ValueError(f"{name} needs a value, a unit, and either `measured` or `assumed`")
    (origin,) = origins
    value, unit, words = given["value"], given["unit"], given[origin]
    if not isinstance(value, int | float):
        raise ValueError(f"the value of {name} is no number")
    if not (unit and words):
        raise ValueError(f"{name} does not say its unit, or where it comes from")
    return Rate(float(value), unit, origin == "measured", words)
