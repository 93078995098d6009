"""Embedding without Spark: reading ahead, batching, encoding, one row per image in order."""

import hashlib
import itertools
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from imgdedup import config
from imgdedup.errors import FAILURES, ImageFailure, TryAgain, UserError
from imgdedup.images.decode import ByteBudget, Decoded, Decoder
from imgdedup.images.quality import Marks
from imgdedup.stages.embed.figures import figures, require_few_failures, require_same_model
from imgdedup.stages.embed.reuse import Known
from imgdedup.stages.embed.worker import Local, ReadImage, embed_images, in_batches, model_of
from tests.stand_ins import FakeEncoder, encoded, picture
from tests.unit.stages.given import Given

CONF = Path(__file__).parents[3] / "conf"
CONFIG = config.load(CONF, "local", {}).embed
ENCODER = FakeEncoder(side=32, batch_size=4)
DECODER = Decoder(32, 16, 90, 10**6, ByteBudget(10**9))
MODEL = model_of(ENCODER)
FILES = [encoded(picture(seed)) for seed in range(6)]
BAD = b"no picture"
NOTHING = Known()

Images = list[tuple[str, bytes | None]]


def embedded(
    images: Images, encoders: list[FakeEncoder] | None = None, known: Known = NOTHING
) -> pd.DataFrame:
    tables = list(embed_images(images, encoders or [ENCODER], 3, CONFIG, known))
    return pd.concat(tables, ignore_index=True)


def embedding(data: bytes) -> np.ndarray:
    """The embedding of a picture that is alone in its batch."""
    return ENCODER.encode([DECODER.decode(data).square])[0]


def local(data: bytes) -> Local:
    return Local.of(DECODER.decode(data).luma)


@given(st.lists(st.sampled_from([*FILES, BAD, b""]), min_size=1, max_size=40))
def test_every_image_is_one_row_in_order_with_an_embedding_or_a_failure(
    contents: list[bytes],
) -> None:
    table = embedded([(f"{number}", data) for number, data in enumerate(contents)])
    assert len(table) == len(contents)
    for row, data in zip(table.itertuples(index=False), contents, strict=True):
        if data in FILES:
            np.testing.assert_array_equal(row.embedding, embedding(data))
            assert Local(row.features, row.local) == local(data)
            assert (row.failure, row.failure_detail) == (None, None)
            assert (row.format, row.width, row.height) == ("PNG", 80, 60)
            assert Marks(row.detail, row.bars, row.tones, row.quality) == DECODER.decode(data).marks
            assert row.size_bytes == len(data)
        else:
            assert row.embedding is None
            assert row.thumbnail is None
            assert row.failure == ("empty" if not data else "not_an_image")
        assert row.model == MODEL


def test_images_come_from_the_content_column_or_else_from_the_uri(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(FILES[1])
    uri = str(tmp_path / "a.png")
    table = embedded([(uri, FILES[0]), (uri, None), (uri, b"")])
    np.testing.assert_array_equal(table.embedding[0], embedding(FILES[0]))
    np.testing.assert_array_equal(table.embedding[1], embedding(FILES[1]))
    assert table.failure[2] == "empty"
    assert list(table.file_key) == ["", (tmp_path / "a.png").as_uri(), None]


def test_bytes_in_the_table_are_bounded_like_files() -> None:
    small = replace(CONFIG, max_file_bytes=len(FILES[0]) - 1)
    (table,) = embed_images([("a", FILES[0])], [ENCODER], 1, small, NOTHING)
    assert (table.failure[0], table.content_id[0]) == ("too_large", None)


def test_failures_alone_make_rows_too() -> None:
    table = embedded([("a", BAD)] * 9)
    assert list(table.failure) == ["not_an_image"] * 9
    assert table.embedding.isna().all()


def test_whole_numbers_stay_whole_beside_missing_ones() -> None:
    table = embedded([("a", FILES[0]), ("b", b"")])
    names = ("size_bytes", "width", "frames", "quality")
    kinds = {name: str(table[name].dtype) for name in names}
    whole = dict.fromkeys(names[1:], "Int32")
    assert kinds == {"size_bytes": "Int64", **whole}


def test_a_long_reason_is_cut() -> None:
    table = embedded([("/" + "x" * 5000, None)])
    assert len(table.failure_detail[0]) == 500


def known_of(*contents: bytes, model: str = MODEL) -> Known:
    return Known({model: Given.of(*(hashlib.sha256(data).digest()[:16] for data in contents))})


@given(st.lists(st.sampled_from([*FILES, BAD, b""]), min_size=1, max_size=40))
def test_known_contents_are_left_to_be_filled_and_others_are_embedded(
    contents: list[bytes],
) -> None:
    images: Images = [(f"{number}", data) for number, data in enumerate(contents)]
    plain, table = embedded(images), embedded(images, known=known_of(FILES[0], FILES[3]))
    for before, row, data in zip(plain.itertuples(), table.itertuples(), contents, strict=True):
        assert row.reused == (data in (FILES[0], FILES[3]))
        assert not before.reused
        assert (row.content_id, row.size_bytes) == (before.content_id, before.size_bytes)
        if row.reused:
            assert (
                row.embedding
                is row.local
                is row.features
                is row.thumbnail
                is row.second_thumbnail
                is row.second_features
                is row.format
                is row.failure
                is None
            )
        else:
            np.testing.assert_array_equal(row.embedding, before.embedding)
            assert row.failure == before.failure


def test_a_content_that_only_another_model_knows_is_embedded() -> None:
    table = embedded([("a", FILES[0])], known=known_of(FILES[0], model="another"))
    assert not table.reused.any()


def test_the_network_does_nothing_when_all_is_known() -> None:
    class Idle(FakeEncoder):
        def encode(self, squares: object) -> np.ndarray:
            raise AssertionError("nothing is new")

    table = embedded([("a", FILES[0])] * 9, [Idle(side=32, batch_size=4)], known_of(FILES[0]))
    assert table.reused.all()
    assert list(table.model) == [MODEL] * 9


def test_two_devices_take_the_batches_in_turn() -> None:
    encoders = [replace(ENCODER, fingerprint=name) for name in ("first", "second")]
    table = embedded([(f"{n}", FILES[n % 6]) for n in range(20)], encoders)
    batches = ["first", "second", "first", "second", "first"]
    models = {encoder.fingerprint: model_of(encoder) for encoder in encoders}
    assert list(table.model) == [models[name] for name in batches for _ in range(4)]
    for number, found in enumerate(table.embedding):
        np.testing.assert_array_equal(found, embedding(FILES[number % 6]))


def test_two_devices_compute_at_the_same_time() -> None:
    together = threading.Barrier(2)

    class Waiting(FakeEncoder):
        def encode(self, squares: object) -> np.ndarray:
            together.wait(timeout=10)
            return super().encode(squares)  # type: ignore[arg-type]

    table = embedded([("a", FILES[0])] * 8, [Waiting(), Waiting()])
    assert len(table) == 8


@pytest.mark.parametrize("devices", [1, 2])
def test_no_more_is_read_ahead_than_the_devices_need(devices: int) -> None:
    taken = 0

    def endless() -> Iterator[tuple[str, bytes]]:
        nonlocal taken
        for number in itertools.count():
            taken += 1
            yield str(number), FILES[number % 6]

    tables = embed_images(endless(), [ENCODER] * devices, 2, CONFIG, NOTHING)
    for done in (1, 2, 3):
        assert len(next(tables)) == 4
        in_the_devices, ahead = 4 * (devices + done), 2 * 4 * devices
        assert taken <= in_the_devices + ahead + 1
    tables.close()  # type: ignore[attr-defined]


def test_a_fault_of_the_encoder_stops_the_work() -> None:
    class Broken(FakeEncoder):
        def encode(self, squares: object) -> np.ndarray:
            raise RuntimeError("out of memory")

    with pytest.raises(RuntimeError, match="out of memory"):
        embedded([("a", FILES[0])] * 50, [Broken()])


def test_the_seconds_of_the_model_are_part_of_those_of_the_task() -> None:
    class Slow(FakeEncoder):
        def encode(self, squares: object) -> np.ndarray:
            time.sleep(0.02)
            return super().encode(squares)  # type: ignore[arg-type]

    started = time.perf_counter()
    table = embedded([("a", FILES[0])] * 10, [Slow()])
    took = time.perf_counter() - started
    assert 0.06 <= table.model_seconds.sum() <= table.task_seconds.sum() <= took


def decoded() -> Decoded:
    square, luma = np.zeros((1, 1, 3), np.uint8), np.zeros((1, 1), np.uint8)
    marks = Marks(1.0, 0.0, 3, 100)
    return Decoded(square, luma, b"", "PNG", 1, 1, frames=1, has_alpha=False, marks=marks)


@given(st.lists(st.booleans(), max_size=60), st.integers(1, 5))
def test_batches_are_full_of_images_and_failures_ride_along(good: list[bool], size: int) -> None:
    reads = [
        ReadImage(decoded=decoded()) if fine else ReadImage(failure=ImageFailure("empty", ""))
        for fine in good
    ]
    batches = list(in_batches(reads, size))
    assert [read for batch in batches for read in batch] == reads
    images = [sum(read.decoded is not None for read in batch) for batch in batches]
    assert all(batches)
    assert max(images, default=0) <= size
    assert max(map(len, batches), default=0) <= 2 * size
    for batch, found in list(zip(batches, images, strict=True))[:-1]:
        assert found == size or len(batch) == 2 * size


def test_the_workers_agree_on_one_model() -> None:
    assert require_same_model([]) is None
    assert require_same_model(["a"]) == "a"
    with pytest.raises(UserError, match=r"different models \(a, b\)"):
        require_same_model(["a", "b"])


NO_FAILURES = {f"{code}_count": 0 for code in FAILURES}


def test_a_day_on_which_too_many_images_fail_is_refused_with_the_reasons() -> None:
    require_few_failures(NO_FAILURES, 0, 0.5)
    some = NO_FAILURES | {"missing_count": 5, "missing_uri": "/a.jpg"}
    require_few_failures(some, 10, 0.5)
    require_few_failures(some, 5, 1.0)
    with pytest.raises(UserError, match=r"5 of 5 images failed.*5 missing \(such as /a\.jpg\)"):
        require_few_failures(some, 5, 0.9)
    more = some | {"unavailable_count": 6, "unavailable_uri": "s3://b/c"}
    with pytest.raises(TryAgain, match=r"11 of 20 .*6 unavailable \(such as s3://b/c\), 5 missing"):
        require_few_failures(more, 20, 0.5)


def test_the_figures_say_where_the_rows_come_from_and_how_busy_the_model_was() -> None:
    observed = {"model_seconds": 3.0, "task_seconds": 4.0, "embedded": 5, "reused": 7}
    failed = NO_FAILURES | {"missing_count": 1, "empty_count": 2}
    assert figures(observed | failed, healed=1) == {
        "embedded": 5,
        "reused": 7,
        "healed": 1,
        "failures": "empty 2, missing 1",
        "model_share": "0.75",
        "model_seconds": "3.0",
    }
    nothing = dict.fromkeys(("model_seconds", "task_seconds")) | {"embedded": 0, "reused": 0}
    none = figures(nothing | NO_FAILURES, healed=0)
    assert (none["failures"], none["model_share"]) == ("none", "0")
    assert {"empty", "missing"} <= FAILURES.keys()
