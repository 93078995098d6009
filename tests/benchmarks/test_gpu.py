"""The benchmark of one worker, on the CPU: its rates, its page, what it refuses."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from benchmarks.gpu import __main__ as command
from benchmarks.gpu.measure import Measured, Rates, measure
from benchmarks.gpu.page import page
from imgdedup.config import EmbedConfig, load
from imgdedup.errors import UserError

CONF = Path(__file__).parents[2] / "conf"


@pytest.fixture
def on_cpu() -> EmbedConfig:
    config = load(CONF, "local", {"embed.device": "cpu", "embed.precision": "fp32"}).embed
    return dataclasses.replace(config, input_size=32)


def draw(folder: Path, count: int) -> list[Path]:
    rng = np.random.default_rng(0)
    files = [folder / f"{number}.png" for number in range(count)]
    for file in files:
        Image.fromarray(rng.integers(0, 256, (40, 60, 3), np.uint8)).save(file)
    return files


def test_one_worker_is_measured(tmp_path: Path, on_cpu: EmbedConfig) -> None:
    files = draw(tmp_path, 5)
    (tmp_path / "broken.png").write_bytes(b"no picture")
    measured = measure([*files, tmp_path / "broken.png"], [], [8, 16], 2, on_cpu)
    assert measured.side == 32
    assert sorted(measured.decoding) == [1, 2]
    assert [rate.batch for rate in measured.rates] == [16, 16]  # the CPU's least is 8 a thread
    assert all(rate.encoding > 0 and rate.together > 0 for rate in measured.rates)


def test_no_picture_is_an_error(tmp_path: Path, on_cpu: EmbedConfig) -> None:
    (tmp_path / "broken.png").write_bytes(b"no picture")
    with pytest.raises(UserError, match="no photograph can be decoded"):
        measure([tmp_path / "broken.png"], [], [8], 1, on_cpu)


def test_the_share_is_of_the_slower_part() -> None:
    rates = Rates(64, encoding=900.0, together=150.0)
    measured = Measured("a-model", 128, {1: 60.0, 4: 200.0}, (rates,))
    assert rates.share(measured.fastest_decoding) == 0.75
    text = page(measured, 4000, "make bench-gpu", "today, on 4 cores")
    assert "| 64 | 900 | 150 | 0.75 |" in text
    assert "with 4 threads" in text


@pytest.mark.parametrize("batches", ["", "64,many", "0,64"])
def test_batches_are_numbers(
    batches: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    arguments = ["gpu", "--photos", str(tmp_path), "--batches", batches]
    monkeypatch.setattr("sys.argv", arguments)
    assert command.main() == 2
    assert "BATCHES" in capsys.readouterr().out
