"""What a table is at one time, whatever its format, and which time a run asks for."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

import pyarrow as pa

from imgdedup.config import ScanConfig
from imgdedup.errors import Missing, UserError, one_line
from imgdedup.stages.scan.finding import Table


@dataclass(frozen=True)
class Snapshot:
    """The rows of a table as one version of Delta, or one snapshot of Iceberg, has them."""

    id: int
    time: datetime  # when it was committed, in UTC
    schema: pa.Schema
    # The rows, in batches; with a condition in SQL, those for which it holds.
    batches: Callable[[str | None], Iterator[pa.RecordBatch]]


@dataclass(frozen=True)
class Wanted:
    """Which snapshot of a table a run asks for: one number, or the last one before a time."""

    id: int | None
    before: datetime | None  # None, without a number: the last one of all

    @classmethod
    def of(cls, config: ScanConfig, dt: str) -> "Wanted":
        """What the setting `scan.snapshot` asks for in the run of a day."""
        if config.snapshot.isdigit():
            return cls(int(config.snapshot), None)
        if config.snapshot == "latest":
            return cls(None, None)
        following = date.fromisoformat(dt) + timedelta(days=1)
        return cls(None, datetime.combine(following, time(), UTC))


def none_before(table: Table, wanted: Wanted, first: datetime) -> Missing:
    """The error for a table whose first snapshot that can be read is not before the time wanted."""
    assert wanted.before is not None
    last = (wanted.before - timedelta(days=1)).date()
    return Missing(
        f"the {table.format} table {table.location} has no version of {last} or before: the first "
        f"that can be read is of {shown(first)}; scan.snapshot chooses another"
    )


def shown(moment: datetime) -> str:
    """A time as messages and `runs` show it, in UTC."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@contextmanager
def reading(table: Table) -> Iterator[None]:
    """Turn whatever a library raises about a table into a UserError of one line."""
    try:
        yield
    except UserError:
        raise
    except Exception as error:
        raise UserError(
            f"the {table.format} table {table.location} cannot be read: {one_line(error)}"
        ) from error
