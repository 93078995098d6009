"""Names of datasets in OpenLineage, and which of them a task tells."""

import sys
from collections.abc import Callable
from types import ModuleType, SimpleNamespace

import pytest
from airflow.providers.common.compat.openlineage import facet

from imgdedup.flow import FLOW, JOBS, REVIEWS
from imgdedup.lake.schemas import DATASETS
from imgdedup.runtime.lineage import TellsLineage, dataset_name, places_of


@pytest.mark.parametrize(
    ("place", "namespace", "name"),
    [
        ("/data/out/pairs", "file", "/data/out/pairs"),
        ("file:///data/out//pairs/", "file", "/data/out/pairs"),
        ("s3a://bucket/dedup//pairs", "s3://bucket", "dedup/pairs"),
        ("s3://bucket", "s3://bucket", ""),
        ("gs://bucket/a b/c", "gs://bucket", "a b/c"),
        ("hdfs://node:8020/dedup/pairs", "hdfs://node:8020", "/dedup/pairs"),
        ("abfss://box@account/x/", "abfss://box@account", "/x"),
    ],
)
def test_a_place_has_the_name_that_openlineage_specifies(
    place: str, namespace: str, name: str
) -> None:
    assert dataset_name(place) == (namespace, name)


@pytest.mark.parametrize(
    ("images", "places"),
    [
        ("", []),
        ("/data/photos", ["/data/photos"]),
        ("s3://bucket/images/{dt}/", ["s3://bucket/images"]),
        ("/data/{dt}/my photos, /more/*/x*.parquet", ["/data", "/more"]),
    ],
)
def test_images_of_all_days_are_one_dataset(images: str, places: list[str]) -> None:
    assert list(places_of(images)) == places


@pytest.fixture
def provider(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the methods import of Airflow's provider, which is not installed here."""
    module = ModuleType("airflow.providers.openlineage.extractors")
    module.__dict__["OperatorLineage"] = SimpleNamespace
    for name in ("airflow.providers.openlineage", module.__name__):
        monkeypatch.setitem(sys.modules, name, module)
    monkeypatch.setattr(facet, "Dataset", lambda namespace, name: (namespace, name))


class Task(TellsLineage):
    root = "s3://bucket/dedup"
    images = "/photos/{dt},s3://bucket/dedup/manifest"
    reads = ("embeddings",)
    writes = ("manifest", "pairs")


READ = [("file", "/photos"), ("s3://bucket", "dedup/manifest"), ("s3://bucket", "dedup/embeddings")]


@pytest.mark.usefixtures("provider")
def test_a_task_that_is_done_tells_what_it_read_and_wrote() -> None:
    told = Task().get_openlineage_facets_on_complete(None)
    assert told.inputs == READ
    assert told.outputs == [("s3://bucket", "dedup/pairs")]  # what is read already is no result


@pytest.mark.usefixtures("provider")
@pytest.mark.parametrize(
    "tell",
    [
        lambda task: task.get_openlineage_facets_on_start(),
        lambda task: task.get_openlineage_facets_on_failure(None),
    ],
)
def test_a_task_that_starts_or_fails_tells_what_it_reads(tell: Callable[[Task], object]) -> None:
    told = tell(Task())
    assert vars(told) == {"inputs": READ, "outputs": []}


def test_every_dataset_of_the_flow_is_one_and_is_written_before_it_is_read() -> None:
    written = {REVIEWS}  # by people
    for stage in FLOW:
        assert written.issuperset(stage.reads)
        written |= set(stage.writes)
    assert written <= {"manifest", "deduplicated", REVIEWS, *DATASETS}
    assert {job.name: (job.reads, job.writes) for job in JOBS}["dedup"] == (
        ("embeddings", REVIEWS, "manifest"),
        ("candidates", "pairs", "groups", "group_changes", "deduplicated"),
    )
