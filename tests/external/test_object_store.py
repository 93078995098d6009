"""Listing and reading from an object store: an S3 server that the tests start, or your own.

IMGDEDUP_TEST_PREFIX names a prefix of your own store that the test may write below, as
s3://bucket/folder; the store itself is found as usual (AWS_ENDPOINT_URL, AWS_ACCESS_KEY_ID, ...).
"""

import os
from collections.abc import Iterator
from dataclasses import replace
from uuid import uuid4

import pytest

from imgdedup.config import ScanConfig
from imgdedup.errors import ImageFailure, UserError
from imgdedup.sources import object_store, read_bytes
from imgdedup.stages.scan.folders import walk
from imgdedup.stages.scan.images import listing
from tests.external.servers.s3 import Store

PREFIX = os.environ.get("IMGDEDUP_TEST_PREFIX")
SHOWN = ScanConfig("auto", "", "day", skip_hidden=True, follow_links_outside=False)
NAMES = ["a.jpg", "deep/er/b.png", "sub dir/ümlaut 100%25 #1.jpg", ".hidden", ".cache/c.jpg"]


@pytest.fixture(scope="module")
def prefix(request: pytest.FixtureRequest) -> str:
    """Where the tests may write."""
    if PREFIX:
        return PREFIX
    store: Store = request.getfixturevalue("store")
    store.make_bucket("bucket")
    return "s3://bucket/folder"


@pytest.fixture
def location(prefix: str) -> Iterator[str]:
    """A fresh prefix that holds an object for each of NAMES, whose bytes are its name."""
    location = f"{prefix}/{uuid4()}"
    system, base = object_store(location)
    for name in NAMES:
        with system.open_output_stream(f"{base}/{name}") as stream:
            stream.write(name.encode())
    yield location
    system.delete_dir(base)


def test_a_prefix_is_listed_with_ids_relative_to_it(location: str) -> None:
    tree = walk(location, SHOWN)
    assert listing(tree, SHOWN)["image_id"].to_pylist() == sorted(NAMES[:3])
    assert tree.hidden == 2


def test_what_is_listed_can_be_read(location: str) -> None:
    everything = replace(SHOWN, skip_hidden=False)
    rows = listing(walk(location, everything), everything).to_pylist()
    read = {row["image_id"]: read_bytes(row["uri"], 1000) for row in rows}
    assert read == {name: name.encode() for name in NAMES}


def test_a_missing_object_is_a_failure(location: str) -> None:
    with pytest.raises(ImageFailure) as failure:
        read_bytes(f"{location}/none.jpg", 1000)
    assert failure.value.code == "missing"


def test_a_prefix_without_objects_is_the_users_fault(location: str) -> None:
    with pytest.raises(UserError, match=r"(cannot list|no file)"):
        listing(walk(f"{location}/none", SHOWN), SHOWN)
