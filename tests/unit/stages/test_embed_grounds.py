"""A transparent picture that shows on two grounds is one row, with what both grounds show."""

from pathlib import Path

import numpy as np
import pandas as pd

from imgdedup import config
from imgdedup.images.decode import decoder_of
from imgdedup.stages.embed.reuse import Known
from imgdedup.stages.embed.worker import Local, embed_images
from tests.stand_ins import FakeEncoder, encoded, picture

CONFIG = config.load(Path(__file__).parents[3] / "conf", "local", {}).embed
ENCODER = FakeEncoder(side=32, batch_size=4)
DECODER = decoder_of(CONFIG, 32)


def on_both_grounds(seed: int) -> bytes:
    image = picture(seed).convert("RGBA")
    image.paste((0, 0, 0, 0), (0, 0, 40, 30))
    return encoded(image)


def table_of(contents: list[bytes]) -> pd.DataFrame:
    images = [(f"{number}", data) for number, data in enumerate(contents)]
    return pd.concat(list(embed_images(images, [ENCODER], 2, CONFIG, Known())), ignore_index=True)


def test_the_embedding_lies_between_those_of_the_two_grounds() -> None:
    contents = [make(seed) for seed in range(6) for make in (on_both_grounds, opaque)]
    for row, data in zip(table_of(contents).itertuples(index=False), contents, strict=True):
        found = DECODER.decode(data)
        if found.second is None:
            np.testing.assert_array_equal(row.embedding, ENCODER.encode([found.square])[0])
            continue
        first, second = ENCODER.encode([found.square, found.second.square])
        np.testing.assert_allclose(row.embedding, (2 * first + second) / 3, atol=1e-3)


def opaque(seed: int) -> bytes:
    return encoded(picture(seed))


def test_the_row_has_thumbnail_and_features_of_both_grounds() -> None:
    found = DECODER.decode(on_both_grounds(1))
    assert found.second is not None
    row = next(table_of([on_both_grounds(1)]).itertuples(index=False))
    assert row.has_alpha
    assert (row.thumbnail, row.second_thumbnail) == (found.thumbnail, found.second.thumbnail)
    on_first, on_second = Local.of(found.luma), Local.of(found.second.luma)
    assert (row.features, row.second_features) == (on_first.features, on_second.features)
    assert row.local == Local.of(found.luma, found.second.luma).descriptor


def test_the_row_of_an_opaque_picture_has_no_second_ground() -> None:
    row = next(table_of([opaque(1)]).itertuples(index=False))
    assert not row.has_alpha
    assert row.second_thumbnail is row.second_features is None
