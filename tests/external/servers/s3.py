"""An S3 server in memory, on loopback.

The environment variable IMGDEDUP_EXTERNAL names a virtual environment with `moto[server]`.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pyarrow import fs

from tests.external.servers.kept import HOST, free_port, kept, wait_for

_SERVER = Path(os.environ.get("IMGDEDUP_EXTERNAL", ""), "bin", "moto_server")
HAS_SERVER = bool(os.environ.get("IMGDEDUP_EXTERNAL")) and _SERVER.exists()
WHY_NOT = "set IMGDEDUP_EXTERNAL to an environment that has moto[server]"


@dataclass(frozen=True)
class Store:
    """A running S3 server."""

    address: str  # http://host:port
    log: Path  # one line for each request

    @property
    def environment(self) -> dict[str, str]:
        """The variables by which clients find the store."""
        return {
            "AWS_ENDPOINT_URL": self.address,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_REGION": "us-east-1",
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def make_bucket(self, name: str) -> fs.FileSystem:
        """Make the bucket if need be; return a file system that may write to the store."""
        system = fs.S3FileSystem(
            access_key="test",
            secret_key="test",
            region="us-east-1",
            endpoint_override=self.address,
            allow_bucket_creation=True,
            allow_delayed_open=True,
        )
        system.create_dir(name)
        return system

    def upload(self, folder: Path, bucket: str, prefix: str) -> None:
        """Copy all files below `folder` into the bucket, under a prefix."""
        system = self.make_bucket(bucket)
        fs.copy_files(str(folder), f"{bucket}/{prefix}", destination_filesystem=system)

    def opened(self, key: str) -> int:
        """How often Arrow has opened objects whose bucket and key begin so."""
        return self.log.read_text().count(f"HEAD /{key}")


@contextmanager
def running(folder: Path) -> Iterator[Store]:
    """Run a store inside the block; its log is in `folder`."""
    port, log = free_port(), folder / "s3.log"
    with kept([str(_SERVER), "-H", HOST, "-p", str(port)], os.environ, log) as server:
        wait_for("Running on", server, log)
        yield Store(f"http://{HOST}:{port}", log)
