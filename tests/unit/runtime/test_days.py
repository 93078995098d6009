"""A range of days."""

import pytest

from imgdedup.errors import UserError
from imgdedup.runtime.days import days_between


def test_a_range_has_all_its_days() -> None:
    first, second = "2026-02-27", "2026-02-28"
    assert days_between(first, "2026-03-01") == [first, second, "2026-03-01"]
    assert days_between(first, first) == [first]
    with pytest.raises(UserError, match="ends on 2026-02-26, before it begins on 2026-02-27"):
        days_between(first, "2026-02-26")
