"""A Milvus server for tests: a process of its own, on free ports, in a folder of its own.

The environment variable IMGDEDUP_EXTERNAL names a virtual environment that has the package
`milvus` 2.3.5, which carries the server. IMGDEDUP_MILVUS_URI names a running server instead.

The server listens on all interfaces, except for its etcd: it has no setting for that.
"""

import os
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from pymilvus import MilvusClient, MilvusException

URI = os.environ.get("IMGDEDUP_MILVUS_URI", "")
_EXTERNAL = os.environ.get("IMGDEDUP_EXTERNAL", "")
_PYTHON = Path(_EXTERNAL, "bin", "python")
HAS_BINARY = bool(_EXTERNAL) and any(_PYTHON.parent.glob("milvus-server"))
WHY_NOT = (
    "set IMGDEDUP_EXTERNAL to an environment that has milvus 2.3.5, or IMGDEDUP_MILVUS_URI to the "
    "address of a Milvus server"
)
WHY_NO_BINARY = "set IMGDEDUP_EXTERNAL to an environment that has milvus 2.3.5"

_PORTS = (
    "proxy proxy-internal root-coord query-coord query-node index-coord index-node data-coord "
    "data-node"
).split()
_COMPONENTS = "proxy rootCoord queryCoord queryNode indexNode dataCoord dataNode".split()
_MAIN = (
    "import sys, milvus; milvus.default_server.webservice_port = int(sys.argv.pop(1)); "
    "milvus.main()"
)
# Ends the group of the server when this process closes the pipe, or dies.
_GUARD = 'read -r word; kill -s KILL -- "-$1"'
_PATIENCE = 600.0  # seconds; after a kill the old sessions expire first
# Embedded etcd takes its ports from a file.
_ETCD = """
listen-client-urls: http://127.0.0.1:{0}
advertise-client-urls: http://127.0.0.1:{0}
listen-peer-urls: http://127.0.0.1:{1}
initial-advertise-peer-urls: http://127.0.0.1:{1}
initial-cluster: default=http://127.0.0.1:{1}
"""


class MilvusServer:
    """A server over a folder. It can be killed, and started again on the same ports."""

    def __init__(self, folder: Path, extra: Mapping[str, str], token: str, ca_file: str) -> None:
        self._folder = folder
        self._extra = extra
        self._token = token
        self._ca_file = ca_file
        self._ports = _free_ports(len(_PORTS) + 3)
        self._guard: subprocess.Popen[bytes] | None = None
        self._server: subprocess.Popen[bytes] | None = None

    @property
    def uri(self) -> str:
        """The address of the server."""
        return f"{'https' if self._ca_file else 'http'}://127.0.0.1:{self._ports[0]}"

    @property
    def metrics(self) -> str:
        """Where the server tells its own figures, in the format of Prometheus."""
        return f"http://127.0.0.1:{self._ports[-3]}/metrics"

    def start(self) -> None:
        """Start the server, and wait until it answers; TimeoutError when it does not."""
        self._folder.mkdir(parents=True, exist_ok=True)
        _await_free(self._ports)
        web, client, peer = self._ports[-3:]
        etcd = self._folder / "etcd.yaml"
        etcd.write_text(_ETCD.format(client, peer))
        ports = zip(_PORTS, self._ports, strict=False)
        extra = {f"{name}.ip": "127.0.0.1" for name in _COMPONENTS} | dict(self._extra)
        command = [
            *(str(_PYTHON), "-c", _MAIN, str(web), f"--data={self._folder}"),
            *(f"--{name}-port={port}" for name, port in ports),
            f"--etcd-port={client}",
            *(f"--extra-config={name}={value}" for name, value in extra.items()),
        ]
        with (self._folder / "server.log").open("ab") as log:
            self._server = subprocess.Popen(
                command,
                env=os.environ | {"ETCD_CONFIG_PATH": str(etcd)},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._guard = subprocess.Popen(
            ["sh", "-c", _GUARD, "guard", str(self._server.pid)],
            stdin=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        self._wait()

    def kill(self) -> None:
        """Kill the server at once, with all its processes."""
        if self._guard is not None and self._server is not None:
            self._guard.communicate()
            self._server.wait()
        self._guard = self._server = None

    def _wait(self) -> None:
        ends, last = time.monotonic() + _PATIENCE, "it did not answer"
        trusted = {"server_pem_path": self._ca_file} if self._ca_file else {}
        assert self._server is not None
        while time.monotonic() < ends:
            if self._server.poll() is not None:
                raise RuntimeError(f"the server ended: see {self._folder}/server.log")
            try:
                client = MilvusClient(
                    uri=self.uri, token=self._token, timeout=2.0, dedicated=True, **trusted
                )
                try:
                    client.list_collections(timeout=2.0)
                finally:
                    client.close()
                return
            except MilvusException as error:
                last = error.message
                time.sleep(0.5)
        raise TimeoutError(f"no server after {_PATIENCE:.0f} s: {last}")


@contextmanager
def running(
    folder: Path, token: str = "", ca_file: str = "", **extra: str
) -> Iterator[MilvusServer]:
    """Run a server within the block, whose data lie in `folder`.

    `extra` are entries of the server's configuration, with two underscores for a dot. `token` is
    what a client has to give. With `ca_file` the server is reached by TLS.
    """
    entries = {key.replace("__", "."): value for key, value in extra.items()}
    server = MilvusServer(folder, entries, token, ca_file)
    try:
        server.start()
        yield server
    finally:
        server.kill()


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    """Give the address of the server that the environment names, else of one that runs here."""
    if URI:
        yield URI
        return
    with running(folder) as server:
        yield server.uri


def _await_free(ports: Sequence[int]) -> None:
    """Wait for ports that a killed server had: the package would quietly take others for them."""
    ends = time.monotonic() + _PATIENCE
    for port in ports:
        while not _is_free(port):
            if time.monotonic() > ends:
                raise TimeoutError(f"port {port} is still taken after {_PATIENCE:.0f} s")
            time.sleep(0.5)


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _free_ports(count: int) -> list[int]:
    with ExitStack() as stack:
        ports = []
        for _ in range(count):
            probe = stack.enter_context(socket.socket())
            probe.bind(("127.0.0.1", 0))
            ports.append(int(probe.getsockname()[1]))
        return ports
