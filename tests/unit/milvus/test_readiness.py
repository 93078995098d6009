"""A collection is ready when its index is built, and when the server answers from it."""

from types import SimpleNamespace
from typing import Any

import pytest

from imgdedup.errors import TryAgain
from imgdedup.milvus import readiness
from imgdedup.milvus.readiness import await_index


class Client:
    """A server on which each question finds the next state; the last one stays.

    A state is the rows without an index, and the loaded segments: their rows and their index.
    """

    def __init__(self, rows: int, *states: tuple[int, list[tuple[int, str]]]) -> None:
        self.rows = rows
        self.states = list(states)
        self.asked = 0

    def describe_index(self, name: str, field: str) -> dict[str, Any]:
        self.asked += 1
        if len(self.states) > 1:
            self.states.pop(0)
        return {"total_rows": self.rows, "pending_index_rows": self.states[0][0]}

    def _get_connection(self) -> "Client":
        return self

    def get_query_segment_info(self, name: str) -> list[SimpleNamespace]:
        return [
            SimpleNamespace(num_rows=rows, index_name=index) for rows, index in self.states[0][1]
        ]


def wait(client: Any, timeout: float = 5.0) -> list[str]:
    calls: list[str] = []
    await_index(client, "c", lambda: calls.append("again"), timeout)
    return calls


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readiness, "_PAUSE", 0.0)


def test_the_index_is_built_and_then_loaded(capsys: pytest.CaptureFixture[str]) -> None:
    states = [
        (20_000, []),
        (20_000, []),
        (20_000, [(20_000, "")]),
        (0, [(20_000, "")]),
        (0, [(20_000, "")]),
        (0, [(12_000, "vector")]),
        (0, [(12_000, "vector"), (8000, "vector")]),
    ]
    client = Client(20_000, *states)
    assert wait(client) == []
    assert client.states == states[-1:]


def test_small_segments_get_no_index() -> None:
    assert wait(Client(900, (0, []), (0, []))) == []
    assert wait(Client(5000, (0, []), (0, [(4100, "vector"), (900, "")]))) == []


def test_an_index_that_is_not_loaded_is_loaded_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readiness, "_PATIENCE", 0.05)
    assert wait(Client(5000, (0, [(5000, "")]))) == ["again"]
    assert wait(Client(5000, (0, [(4000, "vector")]))) == ["again"]


def test_an_index_that_is_not_built_ends_the_wait(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(readiness, "_SAY_EVERY", 0.0)
    with pytest.raises(TryAgain, match=r"has not indexed 7,000 vectors of c after 0\.1 s"):
        wait(Client(9000, (7000, [])), timeout=0.1)
    assert "Milvus still indexes 7,000 vectors" in capsys.readouterr().out
