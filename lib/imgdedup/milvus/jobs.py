"""Import jobs of a Milvus server, in the two ways that servers offer.

Servers before 2.4 take them by gRPC, later ones by REST. Neither may get a job twice: the rows
would be there twice.
"""

import json
import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import httpcore
from pymilvus import BulkInsertState, MilvusClient, MilvusException

from imgdedup.errors import TryAgain, UserError
from imgdedup.milvus.client import CollectionAddress

# Parquet is imported since 2.3.4. 2.4 has the REST interface.
_OLDEST, _REST = (2, 3, 4), (2, 4, 0)
_FAILED = {BulkInsertState.ImportFailed, BulkInsertState.ImportFailedAndCleaned}
_JOBS = "/v2/vectordb/jobs/import/"
_ENDED = ("Completed", "Failed")
_PAGE = 100  # jobs per request


@dataclass(frozen=True)
class Progress:
    """How far a job is."""

    percent: int
    done: bool = False
    failed: str = ""  # the server's reason; "": it has not failed

    @property
    def ended(self) -> bool:
        """Whether the job goes no further."""
        return self.done or bool(self.failed)


class ImportJobs(Protocol):
    """The import jobs of one collection."""

    def start(self, path: str, once: str) -> str:
        """Import a file; gives the job. The job is sent once. `once` marks it for the server."""

    def progress(self, job: str) -> Progress:
        """How far a job is."""

    def unfinished(self) -> list[str]:
        """The jobs that have not ended."""


def jobs_of(client: MilvusClient, address: CollectionAddress) -> ImportJobs:
    """The import jobs of a server; UserError when its version has none, or is unknown."""
    said = str(client.get_server_version(timeout=address.timeout))
    found = re.match(r"v?(\d+)\.(\d+)(?:\.(\d+))?", said)
    version = tuple(int(part or 0) for part in found.groups()) if found else None
    if version is None or version < _OLDEST:
        raise UserError(
            f"the Milvus server at {address.uri} says that it is version {said!r}: it must be "
            "2.3.4 or later to import files; or raise milvus.upsert_rows, which is slower"
        )
    if version < _REST:
        return GrpcJobs(client, address)
    return RestJobs(address)


class GrpcJobs:
    """The jobs of servers before 2.4; implements ImportJobs."""

    def __init__(self, client: MilvusClient, address: CollectionAddress) -> None:
        self._server: Any = client._get_connection()
        self._collection = address.collection
        self._timeout = address.timeout

    def start(self, path: str, once: str) -> str:
        """See ImportJobs."""
        # With a timeout the client would send a lost request again.
        return str(self._server.do_bulk_insert(self._collection, None, [path], retry_times=0))

    def progress(self, job: str) -> Progress:
        """See ImportJobs."""
        return _progress(self._server.get_bulk_insert_state(int(job), timeout=self._timeout))

    def unfinished(self) -> list[str]:
        """See ImportJobs."""
        states = self._server.list_bulk_insert_tasks(0, self._collection, timeout=self._timeout)
        return [str(state.task_id) for state in states if not _progress(state).ended]


def _progress(state: BulkInsertState) -> Progress:
    percent = int(state.infos.get(BulkInsertState.IMPORT_PROGRESS) or 0)
    if state.state in _FAILED:
        return Progress(percent, failed=state.failed_reason or "no reason given")
    return Progress(percent, done=state.state == BulkInsertState.ImportCompleted)


class RestJobs:
    """The jobs of servers from 2.4 on; implements ImportJobs."""

    def __init__(self, address: CollectionAddress) -> None:
        self._uri = address.uri.rstrip("/")
        self._collection = address.collection
        self._token = address.token
        self._timeout = address.timeout
        self._ca_file = address.server.ca_file if address.server else ""

    def start(self, path: str, once: str) -> str:
        """See ImportJobs. Servers that know the header answer a repeat with the first job."""
        body = {"collectionName": self._collection, "files": [[path]]}
        return str(self._post("create", body, {"Idempotency-Key": once})["jobId"])

    def progress(self, job: str) -> Progress:
        """See ImportJobs."""
        found = self._post("describe", {"jobId": job})
        percent, state = int(found.get("progress") or 0), str(found.get("state"))
        if state == "Failed":
            return Progress(percent, failed=str(found.get("reason") or "no reason given"))
        return Progress(percent, done=state == "Completed")

    def unfinished(self) -> list[str]:
        """See ImportJobs."""
        jobs: list[str] = []
        for page in range(1, 10_000):
            body = {
                "collectionName": self._collection,
                "pageSize": _PAGE,
                "currentPage": page,
            }
            records = self._post("list", body).get("records") or []
            new = [str(one["jobId"]) for one in records if one["state"] not in _ENDED]
            jobs += [job for job in new if job not in jobs]
            if len(records) < _PAGE:
                break
        return jobs

    def _post(
        self, what: str, body: Mapping[str, object], more: Mapping[str, str] | None = None
    ) -> dict[str, Any]:
        """The data of an answer; MilvusException with the server's words when it refuses."""
        headers: dict[bytes | str, bytes | str] = {"Content-Type": "application/json"}
        headers.update((name, value) for name, value in (more or {}).items())
        if self._token:
            headers["Authorization"] = f"Bearer {self._token}"
        limits = dict.fromkeys(("connect", "read", "write", "pool"), self._timeout)
        try:
            trusted = ssl.create_default_context(cafile=self._ca_file or None)
            with httpcore.ConnectionPool(ssl_context=trusted) as pool:
                answer = pool.request(
                    "POST",
                    f"{self._uri}{_JOBS}{what}",
                    headers=headers,
                    content=json.dumps(body).encode(),
                    extensions={"timeout": limits},
                )
            found = json.loads(answer.content)
        except (httpcore.TimeoutException, httpcore.NetworkError, httpcore.ProtocolError) as error:
            raise TryAgain(f"Milvus at {self._uri} does not answer ({error!r})") from None
        except ValueError:
            found = {"code": answer.status, "message": f"HTTP status {answer.status}"}
        if found.get("code") != 0:
            raise MilvusException(message=str(found.get("message") or found))
        return dict(found.get("data") or {})
