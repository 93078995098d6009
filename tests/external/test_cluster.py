"""The jobs on a Spark cluster: a master and two nodes, images on S3, a Milvus server.

The nodes have all packages but imgdedup. The root is a folder that all nodes see.
"""

import json
import os
import subprocess
from pathlib import Path

import psutil
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from imgdedup.corpora import corpus
from imgdedup.encoder import ranges, weights
from imgdedup.local.client import ENDED, Client
from imgdedup.local.services import free_port, running
from imgdedup.local.workspace import claimed
from tests.external.servers.s3 import Store
from tests.external.servers.spark import Cluster
from tests.external.submitting import DAY, Job, Submitter, configure
from tests.pipeline.jobs import WHOLE, Ended, command, read, spark_submit

TABLES = ("manifest", "embeddings", "candidates", "pairs", "groups", "deduplicated")
EMBED, INDEX, DEDUP = WHOLE
IMAGES = "s3://images/{dt}/"
SMALL_TASKS = {"embed.rows_per_partition": 4}


@pytest.fixture(scope="module")
def files(store: Store, tmp_path_factory: pytest.TempPathFactory) -> int:
    """The number of files of a day that lie in the bucket: photographs, copies, broken files."""
    folder = tmp_path_factory.mktemp("photos") / "images"
    with pytest.MonkeyPatch.context() as patch:
        edited = {name: corpus.EDITED_PHOTOS[name] for name in ("coffee", "cat")}
        patch.setattr(corpus, "EDITED_PHOTOS", edited)
        patch.setattr(corpus, "LONE_PHOTOS", {"clock": corpus.LONE_PHOTOS["clock"]})
        truth = corpus.ensure(folder, [DAY])
    store.upload(folder / DAY, "images", DAY)
    return len(truth)


@pytest.fixture(scope="module")
def submit(
    cluster: Cluster, milvus_uri: str, node_python: Path, tmp_path_factory: pytest.TempPathFactory
) -> Submitter:
    conf = tmp_path_factory.mktemp("cluster") / "conf"
    configure(conf, milvus_uri, node_python)
    return Submitter(cluster.address, conf)


@pytest.fixture(scope="module")
def lakes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("lakes")


@pytest.fixture(scope="module")
def undisturbed(submit: Submitter, files: int, lakes: Path) -> tuple[Path, list[Ended]]:
    """The root of a day that ran on the cluster, and how its jobs ended."""
    root = lakes / "undisturbed"
    jobs = [submit.run(EMBED, root, IMAGES), submit.run(INDEX, root), submit.run(DEDUP, root)]
    return root, jobs


def equal(root: Path, other: Path) -> None:
    for table in TABLES:
        assert read(root, table) == read(other, table), table


def test_the_nodes_do_not_have_the_package(node_python: Path) -> None:
    alone = {name: text for name, text in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        [node_python, "-c", "import torch, pyspark, imgdedup"],
        env=alone,
        capture_output=True,
        text=True,
    )
    assert "No module named 'imgdedup'" in done.stderr


def test_every_job_runs_on_the_nodes(undisturbed: tuple[Path, list[Ended]], files: int) -> None:
    root, jobs = undisturbed
    assert [job.status for job in jobs] == [0, 0, 0], jobs
    assert len(read(root, "embeddings")) == files
    assert read(root, "groups")
    assert 0 < len(read(root, "deduplicated")) < files


def test_a_cluster_gives_the_tables_of_one_machine(
    undisturbed: tuple[Path, list[Ended]], lakes: Path
) -> None:
    root = lakes / "one machine"
    for job in WHOLE:
        assert spark_submit(command(job, root, DAY, IMAGES)).status == 0
    equal(root, undisturbed[0])


def test_weights_in_a_store_are_read_once_by_each_node(
    submit: Submitter, store: Store, files: int, tmp_path: Path
) -> None:
    for name in (weights.BUILTIN.name, ranges.beside(weights.BUILTIN.name)):
        (tmp_path / name).symlink_to(weights.BUILTIN.with_name(name))
    store.upload(tmp_path, "models", "v1")
    place = f"models/v1/{weights.BUILTIN.name}"
    settings = SMALL_TASKS | {"embed.weights": f"s3://{place}"}
    assert submit.run(EMBED, tmp_path / "lake", IMAGES, settings).status == 0
    assert len(read(tmp_path / "lake", "embeddings")) == files
    assert 1 <= store.opened(place) <= 2


def workers_of(executor: psutil.Process) -> list[psutil.Process]:
    """The Python workers of an executor: the children of its daemon."""
    try:
        return [worker for daemon in executor.children() for worker in daemon.children()]
    except psutil.NoSuchProcess:
        return []


def busy_executor(cluster: Cluster, job: Job) -> psutil.Process:
    """An executor of the job that has Python workers, as soon as there is one."""
    job.until(lambda: any(map(workers_of, cluster.executors())))
    return next(filter(workers_of, cluster.executors()))


def test_a_running_airflow_gives_the_jobs_to_the_cluster(
    cluster: Cluster,
    milvus_uri: str,
    node_python: Path,
    undisturbed: tuple[Path, list[Ended]],
    lakes: Path,
) -> None:
    root = lakes / "scheduled"
    root.mkdir()
    connection = json.dumps({"conn_type": "spark", "host": cluster.address})
    changes = {"AIRFLOW_CONN_SPARK_DEFAULT": connection, "AIRFLOW_VAR_IMGDEDUP_MANIFEST": IMAGES}
    settings = {
        "milvus.uri": milvus_uri,
        "spark.properties": {"spark.pyspark.python": str(node_python)},
    }
    with (
        claimed(root) as space,
        running(space, free_port(0), root / "airflow.log", changes) as services,
    ):
        airflow = Client(services)
        airflow.wait("the DAG", airflow.is_known, 120)
        airflow.unpause()
        run = airflow.trigger(dt=DAY, root=str(root), settings=settings)
        airflow.wait("the run", lambda: airflow.run(run)["state"] in ENDED, 900, poll=2)
        assert airflow.run(run)["state"] == "success"
    equal(root, undisturbed[0])


@pytest.mark.parametrize("fault", ["the executor dies", "its tasks hang"])
def test_a_fault_of_an_executor_changes_no_embedding(
    submit: Submitter,
    cluster: Cluster,
    store: Store,
    undisturbed: tuple[Path, list[Ended]],
    lakes: Path,
    fault: str,
) -> None:
    root, before = lakes / fault, store.opened(f"images/{DAY}/")
    # Without copies of slow tasks, a task that hangs would keep the job forever.
    speculation = {"speculation": "true", "speculation__quantile": "0.1"}
    with submit.started(EMBED, root, IMAGES, SMALL_TASKS, **speculation) as job:
        job.until(lambda: store.opened(f"images/{DAY}/") > before)
        executor = busy_executor(cluster, job)
        if fault == "the executor dies":
            executor.kill()
        else:
            for worker in workers_of(executor):
                worker.suspend()  # only SIGKILL reaches it now
        assert job.wait().status == 0
    for table in ("manifest", "embeddings"):
        assert read(root, table) == read(undisturbed[0], table)


def test_a_job_whose_executor_dies_ends_right_or_is_mended_by_another_try(
    submit: Submitter, cluster: Cluster, undisturbed: tuple[Path, list[Ended]], lakes: Path
) -> None:
    root = lakes / "executors die in search and verify"
    assert submit.run(EMBED, root, IMAGES).status == 0
    assert submit.run(INDEX, root).status == 0
    for stages in ("search", "verify,group"):
        with submit.started(stages, root) as job:
            busy_executor(cluster, job).kill()
            status = job.wait().status
        assert status in (0, 1)
        if status:
            assert submit.run(stages, root).status == 0
    equal(root, undisturbed[0])


def test_a_parquet_manifest_in_a_store_needs_no_connector_of_spark(
    submit: Submitter, store: Store, tmp_path: Path
) -> None:
    rows = [{"image_id": f"{n}", "uri": f"s3://images/{n}", "price": n} for n in range(5)]
    for part in (rows[:2], rows[2:]):
        folder = tmp_path / "manifests" / f"dt={DAY}"
        folder.mkdir(parents=True, exist_ok=True)
        pq.write_table(pa.Table.from_pylist(part), folder / f"part-{len(part)}.parquet")
    store.upload(tmp_path / "manifests", "images", "manifests")
    root = tmp_path / "lake"
    assert submit.run("scan", root, "s3://images/manifests").status == 0
    assert read(root, "manifest") == [{"dt": DAY, **row} for row in rows]


@pytest.mark.parametrize(
    ("root", "settings", "said"),
    [
        ("s3a://images/dedup", {}, "set spark.jars.packages to org.apache.hadoop:hadoop-aws:"),
        ("lake", {"milvus.uri": ""}, "a cluster needs a Milvus server: set milvus.uri"),
    ],
)
def test_what_a_cluster_lacks_is_told_in_one_line(
    submit: Submitter, root: str, settings: dict[str, object], said: str
) -> None:
    ended = submit.run("scan", root, IMAGES, settings)
    assert ended.status == 2
    (line,) = ended.lines
    assert said in line
