"""What another library says, in one line."""

import pytest

from imgdedup.errors import one_line


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("plain", "plain"),
        ("", "ValueError"),
        ("Json error: cut\n   0: <unknown>\n   1: start\n", "Json error: cut"),
        (
            "Store error\n \x1b[31m↳\x1b[0m GET /a\n  \x1b[31m↳\x1b[0m timed out",
            "Store error: GET /a: timed out",
        ),
        ("1 fault\nfield\n  wrong type\n", "1 fault: field: wrong type"),
        ("x" * 1000, "x" * 400),
    ],
)
def test_an_error_of_several_lines_becomes_one(text: str, line: str) -> None:
    assert one_line(ValueError(text)) == line
