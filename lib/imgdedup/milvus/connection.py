"""Opens a client of Milvus, and says in one line why that fails."""

import re
from pathlib import Path

from pymilvus import MilvusClient, MilvusException

from imgdedup.errors import TryAgain, UserError
from imgdedup.milvus.credentials import PASSWORD, TOKEN, USER

# The client pings every ten seconds, more often than gRPC servers allow. Half a minute into a
# request they hang up ("too many pings").
_CHANNEL = {"grpc.keepalive_time_ms": 600_000, "grpc.keepalive_permit_without_calls": False}
_REFUSED = re.compile(
    r"auth check failure|missing authorization|unauthenticated|permission ?deny|privilege", re.I
)


def open_client(uri: str, token: str, ca_file: str, timeout: float) -> MilvusClient:
    """Connect to `uri`, by TLS when it begins with https.

    TryAgain when no server answers; UserError when the server refuses the token, or when the
    file of certificates `ca_file` cannot be read.
    """
    trusted = {"server_pem_path": _readable(ca_file)} if ca_file else {}
    try:
        return MilvusClient(uri=uri, token=token, timeout=timeout, grpc_options=_CHANNEL, **trusted)
    except MilvusException as error:
        said = _said(error)
        if _REFUSED.search(said):
            raise UserError(
                f"the Milvus server at {uri} refuses the credentials: set {TOKEN}, or {USER} and "
                f"{PASSWORD}, in the environment of the job"
            ) from None
        raise TryAgain(
            f"no Milvus server answers at {uri} ({said}): check that it runs, and that milvus.uri "
            "is its address (https:// where it wants TLS)"
        ) from None


def _said(error: MilvusException) -> str:
    """What the client says, and what the server or the network said to it, in one line."""
    details = getattr(error.__cause__, "details", None)  # of a grpc.RpcError
    return " ".join(f"{error.message} {details() if details else ''}".split())


def _readable(ca_file: str) -> str:
    try:
        Path(ca_file).read_bytes()
    except OSError as error:
        raise UserError(f"cannot read milvus.ca_file: {error}") from None
    return ca_file
