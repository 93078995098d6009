"""A failing object store is tried again for a while, and is then left alone."""

import threading
import time
from collections.abc import Iterator

import pytest

from imgdedup.errors import ImageFailure, UserError
from imgdedup.sources import Reader, delta_place, stores
from imgdedup.sources.allowed import Allowed
from imgdedup.sources.deadline import call_within
from imgdedup.sources.patience import Circuits, Patience
from tests.loopback import Request, Server, serving

STATUS = {
    "found": 200,
    "none": 404,
    "refused": 403,
    "not-me": 401,
    "throttled": 429,
    "slow-down": 503,
    "broken": 500,
    "gateway": 504,
    "odd": 400,
}


def answer(request: Request) -> None:
    """What the bucket "photos" says of the objects in STATUS."""
    name = request.path.split("?")[0].removeprefix("/photos/")
    request.reply(STATUS[name], b"photo", Last_Modified="Wed, 21 Oct 2015 07:28:00 GMT")


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    with serving(answer) as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL", server.address)
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "me")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
        yield server


def reader(attempts: int = 1, timeout: float = 20.0, outage: float = 60.0) -> Reader:
    patience = Patience(attempts, 0.01, Circuits(outage))
    return Reader(Allowed(["s3", "gs"]), 1000, timeout, patience)


def code_of(reader: Reader, uri: str) -> str:
    try:
        reader.read(uri)
    except ImageFailure as failure:
        return failure.code
    return "found"


def test_transient_failures_are_told_from_lasting_ones(store: Server) -> None:
    found = {name: code_of(reader(), f"s3://photos/{name}") for name in STATUS}
    assert found == {
        "found": "found",
        "none": "missing",
        **dict.fromkeys(["refused", "not-me", "odd"], "unreadable"),
        **dict.fromkeys(["throttled", "slow-down", "broken", "gateway"], "unavailable"),
    }
    assert all(path.startswith("/photos/") for path in store.asked)


def test_only_transient_failures_are_tried_again(store: Server) -> None:
    for name, tries in {"none": 1, "refused": 1, "broken": 3}.items():
        store.asked.clear()
        code_of(reader(attempts=3), f"s3://photos/{name}")
        assert len(store.asked) == tries, store.asked


def test_a_store_where_nobody_listens_is_unavailable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    assert code_of(reader(), "s3://photos/a.jpg") == "unavailable"


def test_a_store_that_says_nothing_is_given_up_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    def silent(request: Request) -> None:
        time.sleep(2)
        request.close_connection = True

    with serving(silent) as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL", server.address)
        began = time.monotonic()
        assert code_of(reader(timeout=0.5), "s3://photos/a.jpg") == "unavailable"
        assert time.monotonic() - began < 1.5


def test_the_region_of_a_bucket_is_looked_up_once(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def region(bucket: str) -> str:
        asked.append(bucket)
        if bucket == "none":
            raise FileNotFoundError(bucket)
        return "eu-west-1"

    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "me")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    monkeypatch.delenv("AWS_ENDPOINT_URL_S3", raising=False)
    monkeypatch.setattr(stores.fs, "resolve_s3_region", region)
    stores.region_of.cache_clear()
    for _ in range(3):
        assert stores.s3_of_bucket("one") is stores.s3_of_bucket("two")
        assert code_of(reader(), "s3://none/a.jpg") == "missing"
    assert asked == ["one", "two", "none"]
    stores.region_of.cache_clear()


@pytest.mark.parametrize(
    ("message", "transient"),
    [
        ("AWS Error NETWORK_CONNECTION during HeadObject operation: curlCode: 28, Timeout", True),
        ("AWS Error SLOW_DOWN during GetObject operation: Please reduce your request rate", True),
        ("AWS Error UNKNOWN (HTTP status 503) during HeadObject operation", True),
        ("google::cloud::Status(UNAVAILABLE: Retry policy exhausted", True),
        ("google::cloud::Status(DEADLINE_EXCEEDED: too late", True),
        ("AWS Error ACCESS_DENIED during HeadObject operation: No response body.", False),
        ("google::cloud::Status(PERMISSION_DENIED: no", False),
        ("AzureOptions doesn't contain a valid account name", False),
    ],
)
def test_the_words_of_every_store_are_understood(message: str, transient: bool) -> None:
    assert bool(stores._TRANSIENT.search(message)) is transient


def test_a_call_without_end_is_given_up_and_an_error_is_passed_on() -> None:
    waiting = threading.Event()
    with pytest.raises(ImageFailure, match=r"no answer within 0\.1 s"):
        call_within(0.1, waiting.wait)
    waiting.set()
    assert call_within(5, lambda: 1) == 1
    with pytest.raises(TimeoutError, match="its own"):
        call_within(5, lambda: (_ for _ in ()).throw(TimeoutError("its own")))


class Clock:
    """Seconds that pass when the test says so."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def failed_for(circuits: Circuits, clock: Clock, address: str, seconds: int) -> None:
    for _ in range(seconds):
        if circuits.admit(address):
            circuits.failed(address)
        clock.now += 1


def test_an_address_is_down_when_it_only_fails_for_a_while_and_is_tried_now_and_then() -> None:
    clock = Clock()
    circuits = Circuits(30, clock)
    failed_for(circuits, clock, "s3://a", 30)
    assert not circuits.admit("s3://a")
    assert circuits.admit("s3://b")
    tries = 0
    for _ in range(300):
        clock.now += 1
        if circuits.admit("s3://a"):
            tries += 1
            circuits.failed("s3://a")
    assert tries == 10
    clock.now += 31
    assert circuits.admit("s3://a")
    circuits.answered("s3://a")
    assert circuits.admit("s3://a")
    assert circuits.admit("s3://a")


def test_one_file_that_stalls_does_not_take_its_store_down() -> None:
    clock = Clock()
    circuits = Circuits(30, clock)
    for _ in range(3):
        circuits.failed("s3://a")
        clock.now += 60
    assert circuits.admit("s3://a")
    circuits.answered("s3://a")
    for _ in range(5):
        circuits.failed("s3://a")
    clock.now += 60
    assert circuits.admit("s3://a")


def test_a_short_outage_takes_nothing_down() -> None:
    clock = Clock()
    circuits = Circuits(30, clock)
    for _ in range(1000):
        circuits.failed("s3://a")
        clock.now += 0.02
    assert circuits.admit("s3://a")


def test_many_buckets_of_a_store_that_is_away_cost_little() -> None:
    clock = Clock()
    circuits = Circuits(30, clock)
    tried = 0
    for number in range(100_000):
        address = f"s3://bucket-{number}"
        if circuits.admit(address):
            tried += 1
            clock.now += 60
            circuits.failed(address)
        clock.now += 0.001
    assert tried < 15
    assert circuits.admit("gs://bucket")
    assert len(circuits) < 40
    clock.now += 31
    assert circuits.admit("s3://sound")
    circuits.answered("s3://sound")
    assert circuits.admit("s3://bucket-new")


def test_a_store_that_is_down_costs_its_images_no_time(monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(lambda request: request.reply(500)) as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL", server.address)
        asking = reader(attempts=3, outage=0.3)
        while len(server.asked) < 6 or asking.patience.circuits.admit("s3://photos"):
            assert code_of(asking, "s3://photos/a.jpg") == "unavailable"
        asked = len(server.asked)
        began = time.monotonic()
        codes = {code_of(asking, f"s3://photos/{number}.jpg") for number in range(1000)}
        assert codes == {"unavailable"}
        assert len(server.asked) <= asked + 4
        assert time.monotonic() - began < 2


def test_the_library_of_delta_tables_gets_the_address_of_a_store(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("AWS_ENDPOINT_URL_S3", raising=False)
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    assert delta_place("s3://photos/t") == ("s3://photos/t", {})
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://minio:9000")
    plain = {"aws_endpoint_url": "http://minio:9000", "aws_allow_http": "true"}
    assert delta_place("s3a://photos/t") == ("s3a://photos/t", plain)
    assert delta_place("gs://photos/t") == ("gs://photos/t", {})
    assert delta_place("file:///photos/t") == ("/photos/t", {})
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "https://store")
    safe = {"aws_endpoint_url": "https://store", "aws_allow_http": "false"}
    assert delta_place("s3://photos/t") == ("s3://photos/t", safe)
    with pytest.raises(UserError, match="library takes %2F for another sign"):
        delta_place("s3://photos/a%2Fb")
