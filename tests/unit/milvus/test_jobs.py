"""Import jobs: which interface a version has, and the REST interface as it is documented."""

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

import pytest
from pymilvus import BulkInsertState, MilvusException

from imgdedup.errors import TryAgain, UserError
from imgdedup.milvus.client import CollectionAddress
from imgdedup.milvus.jobs import GrpcJobs, Progress, RestJobs, jobs_of
from tests.loopback import Request, Server, serving

START = Callable[[Callable[[Request], None]], Server]


def at(uri: str, collection: str = "c", token: str = "") -> CollectionAddress:
    return CollectionAddress(uri, collection, "c", "FLAT", 5.0, token=token)


@pytest.fixture
def start() -> Iterator[START]:
    with ExitStack() as stack:
        yield lambda answer: stack.enter_context(serving(answer))


@dataclass
class Rest:
    """The REST interface of a server: each job takes three questions."""

    jobs: dict[str, dict[str, Any]] = field(default_factory=dict)
    marks: dict[str, str] = field(default_factory=dict)
    seen: list[dict[str, str]] = field(default_factory=list)

    def __call__(self, request: Request) -> None:
        self.seen.append(dict(request.headers))
        body = json.loads(request.body)
        what = request.path.removeprefix("/v2/vectordb/jobs/import/")
        answer = {"create": self.create, "describe": self.describe, "list": self.list}[what]
        found = answer(body, request.headers.get("Idempotency-Key", ""))
        request.reply(200, json.dumps(found).encode(), Content_Type="application/json")

    def create(self, body: dict[str, Any], mark: str) -> dict[str, Any]:
        if body["collectionName"] != "c":
            return {"code": 100, "message": "can't find collection"}
        job = self.marks.setdefault(mark, str(4487 + len(self.jobs)))
        record = {"state": "Pending", "progress": 0, "files": body["files"]}
        self.jobs.setdefault(job, record)
        return {"code": 0, "data": {"jobId": job}}

    def describe(self, body: dict[str, Any], mark: str) -> dict[str, Any]:
        job = self.jobs[body["jobId"]]
        if job["files"] == [["bad"]]:
            job |= {"state": "Failed", "reason": "importing data failed"}
        else:
            job["progress"] = min(job["progress"] + 50, 100)
            job["state"] = "Completed" if job["progress"] == 100 else "Importing"
        return {"code": 0, "data": {"jobId": body["jobId"], **job}}

    def list(self, body: dict[str, Any], mark: str) -> dict[str, Any]:
        start = (body["currentPage"] - 1) * body["pageSize"]
        records = [{"jobId": name, "state": job["state"]} for name, job in self.jobs.items()]
        return {"code": 0, "data": {"records": records[start : start + body["pageSize"]]}}


def test_a_job_is_followed_to_its_end(start: START) -> None:
    rest = Rest()
    jobs = RestJobs(at(f"{start(rest).address}/", token="root:secret"))
    job = jobs.start("a/b.parquet", "once")
    assert rest.jobs[job]["files"] == [["a/b.parquet"]]
    assert jobs.unfinished() == [job]
    assert jobs.progress(job) == Progress(50)
    assert jobs.progress(job) == Progress(100, done=True)
    assert jobs.unfinished() == []
    assert {headers["Authorization"] for headers in rest.seen} == {"Bearer root:secret"}


def test_a_job_that_is_sent_again_is_the_same_job(start: START) -> None:
    rest = Rest()
    jobs = RestJobs(at(start(rest).address, "c"))
    assert jobs.start("a", "one") == jobs.start("a", "one") != jobs.start("a", "two")
    assert len(rest.jobs) == 2
    assert all("Authorization" not in headers for headers in rest.seen)


def test_a_failed_job_has_the_servers_reason(start: START) -> None:
    jobs = RestJobs(at(start(Rest()).address, "c"))
    job = jobs.start("bad", "once")
    assert jobs.progress(job) == Progress(0, failed="importing data failed")
    assert jobs.unfinished() == []


def test_all_pages_of_jobs_are_read(start: START) -> None:
    jobs = RestJobs(at(start(Rest()).address, "c"))
    started = [jobs.start("a", str(number)) for number in range(230)]
    assert jobs.unfinished() == started


def test_what_the_server_refuses_is_said_in_its_words(start: START) -> None:
    jobs = RestJobs(at(start(Rest()).address, "other"))
    with pytest.raises(MilvusException, match="can't find collection"):
        jobs.start("a", "once")
    broken = RestJobs(at(start(lambda request: request.reply(503, b"<html>")).address, "c"))
    with pytest.raises(MilvusException, match="HTTP status 503"):
        broken.progress("1")


def test_a_server_that_does_not_answer_is_tried_again() -> None:
    with pytest.raises(TryAgain, match=r"Milvus at http://127\.0\.0\.1:9 does not answer"):
        RestJobs(at("http://127.0.0.1:9")).unfinished()


class Client:
    """A client whose server has a version."""

    def __init__(self, version: str) -> None:
        self.version = version

    def get_server_version(self, timeout: float) -> str:
        return self.version

    def _get_connection(self) -> object:
        return object()


@pytest.mark.parametrize(
    ("version", "kind"),
    [
        ("v2.3.5-lite", GrpcJobs),
        ("2.3.4", GrpcJobs),
        ("v2.4.0", RestJobs),
        ("2.6.24", RestJobs),
        ("v3.0.2-dev", RestJobs),
        ("v10.1", RestJobs),
    ],
)
def test_the_version_decides_the_interface(version: str, kind: type) -> None:
    client: Any = Client(version)
    assert isinstance(jobs_of(client, at("http://h")), kind)


@pytest.mark.parametrize("version", ["v2.3.3", "2.2.16", "1.1.1", "master-2024", ""])
def test_an_old_or_unknown_version_is_the_users_fault(version: str) -> None:
    client: Any = Client(version)
    with pytest.raises(UserError, match=rf"http://h .*version '{version}'.*2\.3\.4 or later"):
        jobs_of(client, at("http://h"))


class Grpc:
    """The answers of a server before 2.4."""

    def __init__(self) -> None:
        self.given: list[tuple[Any, ...]] = []

    def _get_connection(self) -> "Grpc":
        return self

    def do_bulk_insert(self, *given: Any, **options: Any) -> int:
        self.given.append((*given, options))
        return 7

    def state(self, number: int, state: int, **infos: str) -> BulkInsertState:
        found = BulkInsertState(number, state, 5, [], [], 0)
        found._infos = infos
        return found

    def get_bulk_insert_state(self, task: int, timeout: float) -> BulkInsertState:
        return {
            1: self.state(1, BulkInsertState.ImportStarted, progress_percent="40"),
            2: self.state(2, BulkInsertState.ImportPersisted, progress_percent="90"),
            3: self.state(3, BulkInsertState.ImportCompleted, progress_percent="100"),
            4: self.state(4, BulkInsertState.ImportFailed, failed_reason="why"),
            5: self.state(5, BulkInsertState.ImportFailedAndCleaned, failed_reason=""),
            6: self.state(6, BulkInsertState.ImportPending),
        }[task]

    def list_bulk_insert_tasks(
        self, limit: int, collection: str, timeout: float
    ) -> list[BulkInsertState]:
        assert (limit, collection) == (0, "c")
        return [self.get_bulk_insert_state(number, timeout) for number in range(1, 7)]


def test_the_jobs_of_an_older_server_have_the_same_states() -> None:
    server: Any = Grpc()
    jobs = GrpcJobs(server, at("http://h"))
    assert [jobs.progress(str(number)) for number in range(1, 7)] == [
        Progress(40),
        Progress(90),
        Progress(100, done=True),
        Progress(0, failed="why"),
        Progress(0, failed="no reason given"),
        Progress(0),
    ]
    assert jobs.unfinished() == ["1", "2", "6"]


def test_an_import_is_never_sent_twice_to_an_older_server() -> None:
    server: Any = Grpc()
    assert GrpcJobs(server, at("http://h")).start("/a", "once") == "7"
    assert server.given == [("c", None, ["/a"], {"retry_times": 0})]
