"""The embedded Milvus: Milvus Lite served on loopback while a stage needs it.

The server is a thread of the driver, so it ends with the driver, however the driver ends. Milvus
Lite locks its folder, so that no second run can use the folder.
"""

import hashlib
import re
import shutil
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from imgdedup.config import MilvusConfig
from imgdedup.errors import UserError
from imgdedup.milvus.client import CollectionAddress
from imgdedup.milvus.credentials import require_bare, token_of_environment
from imgdedup.milvus.storage import require_storage
from imgdedup.sources import local_path

_EMBEDDED = ("FLAT", "HNSW", "AUTO")  # it takes other names, and ignores what they need
_SCHEMA = "schema.json"  # without this file a folder is no collection, and only stands in the way


@contextmanager
def serving(
    config: MilvusConfig, root: str, model: str, projection: str, *, repair: bool = False
) -> Iterator[CollectionAddress]:
    """Give the address of the collection for one model and projection, named by fingerprint.

    The embedded server runs inside the block. On a server of the user, the names of collections
    carry a mark of the root, so that several roots can share the server. `repair` deletes
    everything that the embedded server stored, without reading it.

    Raises UserError when a setting is wrong, when the port is taken, when another run uses the
    folder, or when `root` is no local folder and no server is configured.
    """
    own = re.sub(r"[^A-Za-z0-9]", "_", f"{model}_{projection}")

    index, limit, recall = config.index_type, config.request_timeout, config.wanted_recall
    if config.uri:
        require_bare(config.uri)
        require_storage(config)
        token = token_of_environment()
        family = f"{config.collection}_{hashlib.sha256(root.encode()).hexdigest()[:8]}_"
        name = f"{family}{own}"
        yield CollectionAddress(config.uri, name, family, index, limit, config, token, recall)
        return
    if index not in _EMBEDDED:
        raise UserError(
            f"the embedded Milvus has no index of the type {index}: set milvus.index_type to "
            '"FLAT", "HNSW" or "AUTO", or milvus.uri to the address of a server'
        )
    folder = local_path(root)
    if folder is None:
        raise UserError(f"the root {root} is remote: set milvus.uri to a Milvus server's address")
    with _milvus_lite(folder / ".imgdedup" / "milvus", config.port, repair) as uri:
        family = f"{config.collection}_"
        yield CollectionAddress(uri, f"{family}{own}", family, index, limit, recall=recall)


@contextmanager
def _milvus_lite(folder: Path, port: int, repair: bool) -> Iterator[str]:
    from milvus_lite.adapter.grpc.server import start_server_in_thread
    from milvus_lite.exceptions import DataDirLockedError

    _require_free(port)
    _clear(folder, repair)
    try:
        server, database, port = start_server_in_thread(str(folder), host="127.0.0.1", port=port)
    except DataDirLockedError:
        raise UserError(
            f"another run uses the collection in {folder}: wait until it has ended"
        ) from None
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.stop(grace=5).wait()
        database.close()


def _clear(folder: Path, repair: bool) -> None:
    """Delete collections that a crash or a full disk left half made: the server cannot open them.

    The caller holds the lock of the root.
    """
    for collection in folder.glob("collections/*"):
        if repair or not (collection / _SCHEMA).is_file():
            shutil.rmtree(collection)
    folder.mkdir(parents=True, exist_ok=True)


def _require_free(port: int) -> None:
    """Raise UserError when another program uses the port: gRPC would silently share the port."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            raise UserError(
                f"the port {port} of 127.0.0.1 is in use: set milvus.port to a free one, or to 0"
            ) from None
