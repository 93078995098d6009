"""Which of two copies is kept: files of drawn pictures, and each key of the order alone."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
from PIL import Image as Pictures
from PIL import ImageFilter, ImageOps
from pyspark.sql import SparkSession

from imgdedup.config import Config
from imgdedup.images.decode import Decoder, decoder_of
from imgdedup.relations.keepers import best_ranks, ranked_images
from imgdedup.settling.snapshot import snapshot_of
from imgdedup.stages.group import form_groups
from imgdedup.stages.verify import pairs
from tests.pictures import between_bars, natural, scaled
from tests.spark.tables import Image, copies, embeddings, rows_of
from tests.stand_ins import encoded

FIRST, SECOND = "2026-01-01", "2026-01-02"
Resampling = Pictures.Resampling
Copies = dict[str, tuple[Image, Image]]  # by what they are: the better image and the worse one


@pytest.fixture(scope="module")
def decoder(settings: Config) -> Decoder:
    return decoder_of(settings.embed, side=32)


def of_file(decoder: Decoder, data: bytes, **known: bool | int) -> Image:
    """The row of a file, whose ids are still to be given."""
    found = decoder.decode(data)
    marks = vars(found.marks) | known
    return Image("", "", FIRST, found.width, found.height, len(data), **marks)


def kept(
    spark: SparkSession, given: Copies, order: Sequence[str]
) -> tuple[dict[str, str], dict[str, str]]:
    """For each pair of copies the one that is kept, and why the other one is not.

    The worse image has the lesser `image_id`, so that the name does not help the better one.
    """
    images, near = [], []
    for what, both in given.items():
        for word, image in zip(("good", "bad"), both, strict=True):
            name = f"{what}: {word}"
            images.append(replace(image, image_id=name, content=name))
        near.append((f"{what}: good", f"{what}: bad", 0.9))
    snapshot = snapshot_of(embeddings(spark, images))
    found = pairs.make_pairs(copies(spark, near), pairs.images_of(snapshot), "run")
    rows = rows_of(form_groups(snapshot, found, order, "run"))
    keepers, reasons = {}, {}
    for row in rows:
        what, _, word = str(row["image_id"]).partition(": ")
        if row["is_keeper"]:
            keepers[what] = word
        else:
            reasons[what] = str(row["reason"]).removeprefix("near copy; its keeper ")
    return keepers, reasons


def test_the_better_file_of_a_picture_is_kept(
    spark: SparkSession, settings: Config, decoder: Decoder
) -> None:
    picture, small = natural(1, 900, 600), natural(2, 400, 300)

    def png(image: Pictures.Image, **known: bool | int) -> Image:
        return of_file(decoder, encoded(image), **known)

    def jpeg(image: Pictures.Image, quality: int, **known: bool | int) -> Image:
        return of_file(decoder, encoded(image, "JPEG", quality=quality), **known)

    larger = scaled(small, 2, Resampling.BICUBIC)
    repeated = scaled(small, 3, Resampling.NEAREST)
    red, blue = natural(3, 900, 600).convert("L"), natural(4, 900, 600).convert("L")
    coloured = Pictures.merge("RGB", (red, picture.convert("L"), blue))
    gray = coloured.convert("L")
    sepia = ImageOps.colorize(gray, "#201005", "#fff0d0")
    bars = between_bars(picture, 1200, 600, blur=30)
    given: Copies = {
        "enlarged, strongly compressed": (png(small), jpeg(larger, 20)),
        "enlarged": (jpeg(small, 85), jpeg(larger, 95)),
        "enlarged, without loss": (jpeg(small, 85), png(larger)),
        "repeated pixels": (jpeg(small, 85), jpeg(repeated, 90)),
        "without its colours": (jpeg(coloured, 85), png(gray)),
        "without its colours, and better compressed": (
            jpeg(coloured, 75),
            jpeg(gray.convert("RGB"), 95),
        ),
        "in one tone": (jpeg(coloured, 85), png(sepia)),
        "without its tone": (jpeg(sepia, 85), png(gray)),
        "in dots": (jpeg(gray, 85), png(gray.convert("1"))),
        "flattened": (png(picture, has_alpha=True), jpeg(picture, 95, has_alpha=False)),
        "between blurred bars": (jpeg(picture, 80), jpeg(bars, 95)),
        "reduced": (jpeg(picture, 80), png(scaled(picture, 0.5))),
        "a part, without loss": (jpeg(picture, 80), png(picture.crop((20, 20, 860, 580)))),
        "compressed": (png(picture), jpeg(picture, 95)),
        "compressed again": (jpeg(picture, 92), jpeg(picture, 60)),
        "blurred": (jpeg(picture, 75), png(picture.filter(ImageFilter.GaussianBlur(2)))),
        "a still": (jpeg(small, 75, frames=9), png(small, frames=1)),
    }
    keepers, reasons = kept(spark, given, settings.group.keeper_order)
    assert keepers == dict.fromkeys(given, "good")
    assert reasons == {
        "enlarged, strongly compressed": "shows finer detail",
        "enlarged": "shows finer detail",
        "enlarged, without loss": "shows finer detail",
        "repeated pixels": "shows finer detail",
        "without its colours": "has more colour",
        "without its colours, and better compressed": "has more colour",
        "in one tone": "has more colour",
        "without its tone": "has more colour",
        "in dots": "has more colour",
        "flattened": "is transparent",
        "between blurred bars": "has smaller bars",
        "reduced": "shows finer detail",
        "a part, without loss": "is larger, and all of it is real",
        "compressed": "is compressed without loss",
        "compressed again": "is compressed less",
        "blurred": "shows finer detail",
        "a still": "has more frames",
    }


def an_image(**known: object) -> Image:
    plain = Image("", "", FIRST, frames=1, has_alpha=False, detail=100.0, bars=0.0, quality=80)
    return replace(plain, **known)  # type: ignore[arg-type]


SINGLE: Copies = {
    "frames": (an_image(frames=2), an_image()),
    "detail": (an_image(detail=120.0), an_image(detail=95.0)),
    "bars": (an_image(bars=0.04), an_image(bars=0.2)),
    "alpha": (an_image(has_alpha=True), an_image()),
    "colour": (an_image(tones=2), an_image(tones=1)),
    "extent": (an_image(detail=106.0), an_image()),
    "lossless": (an_image(quality=100), an_image(quality=99)),
    "quality": (an_image(quality=85), an_image(quality=75)),
    "pixels": (an_image(width=110), an_image()),
    "bytes": (an_image(size_bytes=2000), an_image()),
    "link": (an_image(is_link=False), an_image(is_link=True)),
    "day": (an_image(), an_image(dt=SECOND)),
}


def test_each_key_alone_decides_whether_it_comes_first_or_last(
    spark: SparkSession, settings: Config
) -> None:
    order = settings.group.keeper_order
    assert SINGLE.keys() == set(order)
    expected = dict.fromkeys(SINGLE, "good")
    for keys in (order, order[::-1]):
        assert kept(spark, SINGLE, keys)[0] == expected


def test_small_differences_are_left_to_the_next_key(spark: SparkSession, settings: Config) -> None:
    given: Copies = {
        "detail": (an_image(width=101, detail=100.0), an_image(width=99, detail=100.5)),
        "bars": (an_image(bars=0.05, width=101), an_image(bars=0.01)),
        "quality": (an_image(quality=91, width=101), an_image(quality=98)),
    }
    keepers, reasons = kept(spark, given, settings.group.keeper_order)
    assert keepers == dict.fromkeys(given, "good")
    assert set(reasons.values()) == {"has more pixels"}


def test_what_an_earlier_version_did_not_know_is_taken_as_the_least(
    spark: SparkSession, settings: Config
) -> None:
    unknown = Image("", "", FIRST)
    given: Copies = {
        "frames": (an_image(frames=2), unknown),
        "alpha": (an_image(has_alpha=True, quality=None), unknown),
        "quality": (an_image(quality=10), unknown),
        "colours": (replace(unknown, quality=10), an_image(tones=2, quality=100)),
        "pixels count as real": (replace(unknown, width=300), an_image()),
        "an enlargement": (an_image(width=90), replace(unknown, width=20)),
    }
    assert kept(spark, given, settings.group.keeper_order)[0] == dict.fromkeys(given, "good")


def test_what_one_row_knows_of_a_content_holds_for_all_its_rows(
    spark: SparkSession, settings: Config
) -> None:
    known, unknown = an_image(frames=3, quality=100), Image("", "", SECOND)
    images = [
        replace(known, image_id="b", content="x"),
        replace(unknown, image_id="a", content="x"),
    ]
    snapshot = snapshot_of(embeddings(spark, images))
    ranked = ranked_images(snapshot, settings.group.keeper_order)
    ranks = {row["image_id"]: row["rank"] for row in ranked.collect()}
    assert [*ranks["a"]][:9] == [*ranks["b"]][:9]
    (best,) = best_ranks(ranked).collect()
    assert best["best"]["image_id"] == "b"  # of the earlier day
