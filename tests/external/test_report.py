"""The report of a lake in an object store is written there, as a browser can take it."""

from pathlib import Path

import pytest
from pyarrow import fs

from imgdedup.report import pages
from tests.external.servers.s3 import Store
from tests.small_lakes import small_lake
from tests.unit.report.reading import files


def test_the_report_of_a_lake_in_a_store_is_that_of_a_folder(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in store.environment.items():
        monkeypatch.setenv(name, value)
    local = small_lake(tmp_path)
    store.upload(local, "lakes", "small")
    assert pages.write("s3://lakes/small") == "s3://lakes/small/report/index.html"
    pages.write(str(local))
    system = store.make_bucket("lakes")
    chosen = fs.FileSelector("lakes/small/report", recursive=True)
    found = {}
    for info in system.get_file_info(chosen):
        if info.is_file:
            with system.open_input_stream(info.path, compression=None) as stream:
                found[info.path.removeprefix("lakes/small/")] = stream.read()
                kind = stream.metadata()["Content-Type"].decode()
            suffix = info.path.rpartition(".")[2]
            assert kind.startswith({"html": "text/html", "jpg": "image/"}.get(suffix, "text/"))
    assert found == files(local)
