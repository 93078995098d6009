"""The encoder on a real GPU: the same embeddings as on a CPU, and bits that depend on one image.

Runs by name, on a machine where torch sees a GPU. It needs neither Spark nor Java.
"""

from dataclasses import replace
from typing import Literal

import numpy as np
import pytest
import torch

from imgdedup.encoder import Encoder, EncoderFactory
from imgdedup.images.decode import ByteBudget, Decoder
from tests.stand_ins import encoded, picture

FACTORY = EncoderFactory("builtin", input_size=0, batch_size=16, device="cuda", precision="auto")
Precision = Literal["auto", "bf16", "fp32"]

pytestmark = pytest.mark.skipif(
    not torch.cuda.is_available(), reason="torch sees no GPU here: the GPU was not checked"
)


def encoder_of(precision: Precision = "auto", batch_size: int = 16) -> Encoder:
    chosen = replace(FACTORY, precision=precision, batch_size=batch_size)
    return chosen.create(["0"], threads=1)[0]


def squares(side: int, count: int = 24) -> list[np.ndarray]:
    """Decoded pictures, as the stage embed gives them to the network."""
    decoder = Decoder(side, 320, 85, 10_000_000, ByteBudget(1 << 30))
    return [
        decoder.decode(encoded(picture(seed, 400, 300), "JPEG")).square for seed in range(count)
    ]


def cosines(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    lengths = np.linalg.norm(one, axis=1) * np.linalg.norm(other, axis=1)
    return np.asarray((one * other).sum(axis=1) / lengths)


@pytest.mark.parametrize(("precision", "least"), [("fp32", 0.99999), ("bf16", 0.999)])
def test_a_gpu_gives_the_embeddings_of_a_cpu(precision: Precision, least: float) -> None:
    gpu = encoder_of(precision)
    cpu = replace(FACTORY, device="cpu", precision="fp32").create([], threads=1)[0]
    pictures = squares(gpu.side, gpu.batch_size)
    assert cosines(gpu.encode(pictures), cpu.encode(pictures[: cpu.batch_size])).min() > least


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_neighbours_do_not_change_a_bit(precision: Precision) -> None:
    encoder = encoder_of(precision)
    image, *others = squares(encoder.side)
    alone = encoder.encode([image])[0].tobytes()
    for place in (0, 5, encoder.batch_size - 1):
        batch = [*others[:place], image, *others[place : encoder.batch_size - 1]]
        assert encoder.encode(batch)[place].tobytes() == alone


def test_two_encoders_give_the_same_bits() -> None:
    one, other = encoder_of(), encoder_of()
    pictures = squares(one.side, one.batch_size)
    assert one.fingerprint == other.fingerprint
    assert one.encode(pictures).tobytes() == other.encode(pictures).tobytes()


def test_the_fingerprint_names_the_gpu_and_the_batch() -> None:
    name = torch.cuda.get_device_name(0).lower().split()[-1]
    assert "cuda_" in encoder_of().fingerprint
    assert name.split("-")[0] in encoder_of().fingerprint
    assert encoder_of(batch_size=8).fingerprint != encoder_of(batch_size=16).fingerprint
    assert encoder_of("fp32").fingerprint != encoder_of("bf16").fingerprint
