"""The model of large corpora: its formulas on hand-computed cases, its growth, and its rates."""

import re
from collections.abc import Callable
from dataclasses import fields, replace
from itertools import pairwise
from pathlib import Path

import pytest

from benchmarks.scale import indexes, model, rates
from benchmarks.scale.limits import largest, limits
from benchmarks.scale.page import amount, page, spent
from benchmarks.scale.scenario import Cluster, Load, Scenario, Work, day, first, touching
from imgdedup import config
from imgdedup.local.workspace import CONF

RATES = rates.read()
SETTINGS = {"fit.candidates_per_image": 8.0, "fit.dims": 64, "fit.local_dims": 128}
CONFIG = config.load(CONF, "cluster", SETTINGS)
SCENARIO = Scenario(RATES, CONFIG)
CLUSTER = Cluster(executors=10, cores=10)
SIZES = [10**exponent for exponent in range(4, 12)]


def with_rates(**values: float) -> Scenario:
    """A scenario with some rates changed, so that a case can be computed by hand."""
    return replace(SCENARIO, rates=RATES.changed(**values))


def test_every_rate_has_a_unit_and_one_origin() -> None:
    known = dict(RATES)
    assert len(known) > 50
    for name, rate in known.items():
        assert rate.value > 0, name
        assert rate.unit, name
        assert len(rate.origin) > 8, name
        assert rate.is_measured or rate.origin != "measured"


def test_a_rate_that_names_a_page_names_one_that_exists() -> None:
    root = Path(rates.__file__).parents[2]
    named = [
        page
        for _, rate in RATES
        for page in re.findall(r"(?:docs|benchmarks)/\S+?\.md", rate.origin)
    ]
    assert len(named) > 5
    assert [page for page in named if not (root / page).is_file()] == []


@pytest.mark.parametrize(
    "text",
    [
        'rate = { value = 1, unit = "s" }',
        'rate = { value = 1, measured = "here" }',
        'rate = { unit = "s", measured = "here" }',
        'rate = { value = 1, unit = "s", measured = "here", assumed = "there" }',
        'rate = { value = 1, unit = "s", measured = "" }',
        'rate = { value = "1", unit = "s", measured = "here" }',
        "rate = 1",
    ],
)
def test_a_rate_without_number_unit_or_origin_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "rates.toml"
    path.write_text(f"[some]\n{text}\n")
    with pytest.raises(ValueError, match=r"some\.rate"):
        rates.read(path)


def test_new_images_touch_the_pairs_that_the_old_ones_do_not_have_among_themselves() -> None:
    assert touching(8, Load(100, 100)) == 400  # all pairs, each once
    assert touching(8, Load(50, 100)) == 300  # a quarter of them is among the old
    assert touching(8, Load(1, 1000)) == pytest.approx(8, rel=1e-3)


def test_embed_takes_the_time_of_its_parts_and_a_gpu_takes_the_network() -> None:
    scenario = with_rates(
        photo__small__decode=2.0,
        embed__local_features=11.0,
        embed__aggregate=0.5,
        embed__network=3.0,
        embed__gpu_network=2000.0,
    )
    assert model.embed(first(1e6), scenario).core == pytest.approx(16_500)
    on_gpu = model.embed(first(1e6), replace(scenario, gpu=True))
    assert (on_gpu.core, on_gpu.gpu) == (pytest.approx(13_500), pytest.approx(500))


def test_only_one_process_inserts() -> None:
    scenario = with_rates(index__writer=5000.0)
    work = model.index(first(1e6), scenario)
    assert work.serial == 200
    few, many = (model.seconds(work, first(1e6), Cluster(n, 16), scenario) for n in (1, 1000))
    assert few > many > 200


def test_a_day_reads_the_descriptions_and_the_pictures_of_the_whole_corpus() -> None:
    scenario = with_rates(
        lake__embedding=8000.0,
        lake__local=2000.0,
        lake__thumbnail=16_000.0,
        lake__features=19_000.0,
    )
    load = Load(1, 1e6)
    assert model.search(load, scenario).read == pytest.approx(2 * 10_000 * 1e6, rel=0.02)
    assert model.verify(load, scenario).read == pytest.approx(35_000 * 1e6, rel=0.02)


def test_verify_has_no_more_than_256_buckets() -> None:
    assert model.buckets(first(1000), SCENARIO) == 3
    assert model.buckets(first(100_000), SCENARIO) == 100
    assert model.buckets(first(10**9), SCENARIO) == 256
    assert model.blocks(first(10**9), SCENARIO) == 32_896


def test_a_picture_goes_to_each_block_that_needs_it() -> None:
    scenario = with_rates(corpus__copies=2.0)  # with those that are no copies, 10 of an image
    moved = model.moved_pictures(first(10**9), scenario)
    assert moved == pytest.approx(10**9 * 256 * (1 - (255 / 256) ** 10))
    held = model.block_bytes(first(10**9), scenario)
    assert held == pytest.approx(moved / 32_896 * scenario.picture * scenario.rates("verify.held"))


def test_memory_of_each_index() -> None:
    known = RATES.changed(milvus__key=100, milvus__pq_share=0.125, milvus__cache_share=0.1)
    bytes_of = [indexes.memory_of_vector(kind, 195, known) for kind in indexes.KINDS]
    assert bytes_of == [780 + 100, 780 + 256 + 100, 195 + 100, pytest.approx(175.5 + 100)]
    assert indexes.disk_of_vector("DISKANN", 195, known) == 780 + 4 * 57
    with pytest.raises(ValueError, match="TREE"):
        indexes.memory_of_vector("TREE", 195, known)


def test_flat_compares_with_every_vector_and_hnsw_walks_in_every_segment() -> None:
    known = RATES.changed(
        milvus__flat_query=1.0,
        milvus__flat_vector=1e-3,
        milvus__hnsw_doubling=0.1,
        milvus__segment=780.0 * 1024,
    )
    assert indexes.query_ms("FLAT", 5000, 1, known) == pytest.approx(6.0)
    assert indexes.query_ms("HNSW", 512, 1, known) == pytest.approx(0.9)
    assert indexes.query_ms("HNSW", 1024, 1, known) == pytest.approx(1.0)
    assert indexes.query_ms("HNSW", 10_240, 10, known) == pytest.approx(10.0)
    assert [indexes.segments(n, 195, known) for n in (1, 1024, 10_240)] == [1, 1, 10]
    with pytest.raises(ValueError, match="not measured"):
        indexes.query_ms("DISKANN", 1000, 1, known)


def test_query_nodes_hold_the_index_in_the_usable_part_of_their_memory() -> None:
    known = RATES.changed(
        milvus__key=220, milvus__node_memory=1e9, milvus__usable=0.5, milvus__node_cores=8
    )
    held = indexes.servers("FLAT", 1_200_000, 195, known)
    assert (held.memory, held.nodes, held.cores) == (1.2e9, 3, 24)
    assert indexes.servers("FLAT", 1, 195, known).nodes == 1


def test_time_adds_what_cores_stores_and_disks_take() -> None:
    scenario = with_rates(
        machines__store=1e6, machines__disk=1e6, milvus__node_cores=10, milvus__node_memory=1e12
    )
    work = Work(core=100, serial=5, server=100, read=1e8, written=1e8, shuffled=1e7)
    load = first(1000)
    assert model.seconds(work, load, CLUSTER, scenario) == pytest.approx(5 + 1 + 10 + 2 + 2)


def test_the_totals_are_the_sums_of_the_stages() -> None:
    works = model.works(first(10**7), SCENARIO)
    assert [*works] == ["scan", "embed", "fit", "index", "search", "verify", "group"]
    for field in fields(Work):
        parts = sum(getattr(work, field.name) for work in works.values())
        assert getattr(model.total(works), field.name) == pytest.approx(parts)


@pytest.mark.parametrize("index", indexes.TIMED)
@pytest.mark.parametrize("load_of", [first, lambda images: day(images, RATES)])
def test_a_larger_corpus_costs_more(index: str, load_of: Callable[[float], Load]) -> None:
    scenario = replace(SCENARIO, index=index)
    loads = [load_of(size) for size in SIZES]
    totals = [model.total(model.works(load, scenario)) for load in loads]
    for name in ("core", "serial", "server", "read", "written", "shuffled"):
        values = [getattr(total, name) for total in totals]
        assert all(more > less for less, more in pairwise(values)), name
    stored = [sum(model.at_rest(size, scenario).values()) for size in SIZES]
    assert stored == sorted(stored)


@pytest.mark.parametrize("index", indexes.TIMED)
def test_the_queries_of_a_self_join_grow_with_the_square(index: str) -> None:
    scenario = replace(SCENARIO, index=index)
    less, more = (model.search(first(size), scenario).server for size in (1e10, 1e11))
    assert more / less == pytest.approx(100, rel=0.01)


def test_one_more_day_costs_less_than_the_first_load() -> None:
    for size in SIZES:
        once = model.total(model.works(first(size), SCENARIO))
        daily = model.total(model.works(day(size, RATES), SCENARIO))
        assert daily.core < once.core
        assert daily.server < once.server
        assert daily.written < once.written


def test_the_largest_corpus_keeps_to_the_bound() -> None:
    assert largest(lambda images: images**2, 1e12) == pytest.approx(1e6, rel=2e-3)
    assert largest(lambda images: images, 10) == 0
    found = limits(CLUSTER, SCENARIO)
    assert [limit.images for limit in found] == sorted(limit.images for limit in found)
    by_part = {limit.part: limit for limit in found}
    inserted = by_part["`index`, first load: one process inserts"]
    assert inserted.images == pytest.approx(24 * 3600 * RATES("index.writer"), rel=2e-3)
    flat, hnsw = (by_part[f"`search` with {kind}, first load: queries"] for kind in indexes.TIMED)
    assert flat.images < hnsw.images


def test_the_price_is_that_of_all_machines() -> None:
    scenario = with_rates(
        prices__core=0.1, prices__gpu=3.0, prices__query_node=2.0, milvus__node_memory=1e15
    )
    cluster = Cluster(executors=10, cores=10, gpus=2)
    assert model.dollars(5, first(1000), cluster, scenario) == pytest.approx(5 * (10 + 6 + 2))


def test_units_are_written_as_people_read_them() -> None:
    assert [amount(size) for size in (0, 999, 1500, 2.5e12, 4e18)] == [
        "0 B", "999 B", "1.5 kB", "2.5 TB", "4,000 PB",
    ]  # fmt: skip
    taken = [spent(seconds) for seconds in (0, 5, 120, 5400, 72_000, 8_640_000)]
    assert taken == ["0 min", "< 1 min", "2 min", "1.5 h", "20 h", "100 days"]


def test_the_page_has_every_size_and_every_rate() -> None:
    text = page("make bench-scale", [10**7, 10**9], CLUSTER, SCENARIO)
    assert "## 10,000,000 images" in text
    assert "## 1,000,000,000 images" in text
    assert all(f"| `{name}` |" in text for name, _ in RATES)
    widths = [line.count("|") for line in text.splitlines() if line.startswith("| first load")]
    assert len({*widths}) == 1


def test_the_page_has_gpu_hours_where_there_are_gpus() -> None:
    scenario = replace(with_rates(embed__gpu_network=1000.0), gpu=True)
    text = page("make bench-scale GPUS=4", [36_000_000], replace(CLUSTER, gpus=4), scenario)
    assert "The network of the first load takes 10 GPU-hours" in text
    assert "GPU-hours" not in page("make bench-scale", [36_000_000], CLUSTER, SCENARIO)
