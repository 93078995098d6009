"""Weights at a quarter of their size: what a round trip may change, and the builtin file."""

from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch
from hypothesis import given
from hypothesis import strategies as st

from imgdedup.encoder import EncoderFactory, quantized, weights


def round_trip(path: Path, state: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    file = path / "w.safetensors"
    quantized.save(file, state, {})
    loaded, _ = quantized.loads(file.read_bytes())
    return loaded


@given(
    seed=st.integers(0, 2**31),
    shape=st.lists(st.integers(1, 6), min_size=2, max_size=4),
    size=st.floats(1e-20, 1e20),
)
def test_no_value_changes_by_more_than_half_a_level_of_its_channel(
    tmp_path_factory: pytest.TempPathFactory, seed: int, shape: list[int], size: float
) -> None:
    folder = tmp_path_factory.getbasetemp()
    values = (np.random.default_rng(seed).normal(size=shape) * size).astype(np.float32)
    loaded = round_trip(folder, {"w": values})["w"]
    assert (loaded.dtype, loaded.shape) == (np.float32, values.shape)
    level = np.abs(values).reshape(len(values), -1).max(1) / 127
    error = np.abs(loaded - values).reshape(len(values), -1).max(1)
    assert (error <= level * 0.5001).all()


def test_channels_have_levels_of_their_own(tmp_path: Path) -> None:
    values = np.array([[1.0, 0.5], [1e-6, 0.5e-6]], np.float32)
    loaded = round_trip(tmp_path, {"w": values})["w"]
    np.testing.assert_allclose(loaded, values, rtol=0.01)


def test_a_channel_of_zeros_stays_zero(tmp_path: Path) -> None:
    loaded = round_trip(tmp_path, {"w": np.array([[0.0, 0.0], [1.0, -1.0]])})["w"]
    assert loaded.tolist() == [[0.0, 0.0], [1.0, -1.0]]


def test_vectors_and_counters_come_back_as_they_were(tmp_path: Path) -> None:
    chance = np.random.default_rng(1)
    state: dict[str, np.ndarray] = {
        "bias": chance.normal(size=64).astype(np.float32),
        "half": chance.normal(size=8).astype(np.float16),
        "batches": np.array(123),
    }
    loaded = round_trip(tmp_path, state)
    np.testing.assert_array_equal(loaded["bias"], state["bias"])
    np.testing.assert_array_equal(loaded["half"], state["half"].astype(np.float32))
    assert (loaded["batches"].item(), loaded["batches"].dtype) == (123, np.int64)
    assert set(loaded) == set(state)


def test_a_kernel_takes_a_quarter_of_its_size(tmp_path: Path) -> None:
    quantized.save(tmp_path / "w", {"w": np.ones((64, 64, 3, 3))}, {})
    assert (tmp_path / "w").stat().st_size < 64 * 64 * 9 + 1000


def test_the_metadata_comes_back(tmp_path: Path) -> None:
    metadata = {"input_size": "96", "licence": "\u00a9 \u2603"}
    quantized.save(tmp_path / "w", {"w": np.ones((2, 2))}, metadata)
    assert quantized.loads((tmp_path / "w").read_bytes())[1] == metadata


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.float64, torch.bfloat16])
def test_a_plain_file_is_read_as_float32(tmp_path: Path, dtype: torch.dtype) -> None:
    values = torch.randn(3, 4).to(dtype)
    safetensors.torch.save_file({"w": values}, tmp_path / "w")
    loaded, metadata = quantized.loads((tmp_path / "w").read_bytes())
    assert loaded["w"].dtype == np.float32
    np.testing.assert_array_equal(loaded["w"], values.float().numpy())
    assert metadata == {}


def test_the_builtin_weights_are_small() -> None:
    assert weights.BUILTIN.stat().st_size <= 26_000_000


def test_the_builtin_weights_say_their_input_size() -> None:
    _, metadata = quantized.loads(weights.BUILTIN.read_bytes())
    assert weights.load("builtin").input_size == int(metadata["input_size"])
    assert metadata["licence"]


def test_the_input_size_of_the_file_is_that_of_the_network(tmp_path: Path) -> None:
    header = weights.BUILTIN.read_bytes()
    state, metadata = quantized.loads(header)
    quantized.save(tmp_path / "w.safetensors", state, metadata | {"input_size": "96"})
    factory = EncoderFactory(str(tmp_path / "w.safetensors"), 0, 1, "cpu", "fp32")
    assert factory.create([], 1)[0].side == 96
