"""The ranges of int8: how they are measured, where they are looked for, and what is refused."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from imgdedup.encoder import EncoderFactory, calibration, layout, ranges, weights
from imgdedup.encoder.parameters import Weights
from imgdedup.encoder.ranges import Ranges
from imgdedup.errors import UserError
from imgdedup.local import train
from tests.stand_ins import encoded, picture

FACTORY = EncoderFactory("builtin", input_size=64, batch_size=8, device="cpu", precision="int8")


@pytest.fixture
def descriptor(tmp_path: Path) -> Path:
    """The weights of the package in a file of their own, with their ranges beside them."""
    path = tmp_path / "my.descriptor.safetensors"
    shutil.copyfile(weights.BUILTIN, path)
    shutil.copyfile(ranges.beside(str(weights.BUILTIN)), tmp_path / "my.descriptor.ranges.json")
    return path


def embedding(factory: EncoderFactory) -> np.ndarray:
    return factory.create([], threads=1)[0].encode([np.asarray(picture(1, 64, 64))])[0]


def fingerprint(path: Path) -> str:
    return replace(FACTORY, weights=str(path)).create([], threads=1)[0].fingerprint


def changed(path: Path, **changes: Any) -> None:
    file = Path(ranges.beside(str(path)))
    file.write_text(json.dumps(json.loads(file.read_text()) | changes))


def with_ranges(spec: str) -> Weights:
    return weights.with_ranges(weights.load(spec), spec)


def test_the_package_has_ranges_for_all_convolutions_that_need_them() -> None:
    known = with_ranges("builtin").ranges
    assert known is not None
    assert known.photographs >= 1000
    named = {each.name for each in layout.convolutions()}
    apart = {layout.STEM, *(name for name in named if "downsample" in name)}
    assert known.high.keys() == named - apart


def test_ranges_are_found_beside_a_file(descriptor: Path) -> None:
    np.testing.assert_array_equal(
        embedding(FACTORY), embedding(replace(FACTORY, weights=str(descriptor)))
    )
    loaded = with_ranges(descriptor.as_uri())
    assert loaded.ranges == with_ranges("builtin").ranges
    assert weights.load(str(descriptor)).ranges is None


@pytest.mark.parametrize(
    ("place", "expected"),
    [
        ("/data/my.weights.safetensors", "/data/my.weights.ranges.json"),
        ("s3://bucket/v1.2/weights", "s3://bucket/v1.2/weights.ranges.json"),
        ("weights.pth", "weights.ranges.json"),
    ],
)
def test_ranges_have_the_name_of_their_weights(place: str, expected: str) -> None:
    assert ranges.beside(place) == expected


def test_other_ranges_have_another_fingerprint(descriptor: Path) -> None:
    before = fingerprint(descriptor)
    high = dict(with_ranges("builtin").ranges.high)  # type: ignore[union-attr]
    changed(descriptor, photographs=7)
    assert fingerprint(descriptor) == before
    changed(descriptor, high=high | {"layer1.0.conv1": 1.0})
    assert fingerprint(descriptor) != before


def test_a_layer_without_a_range_computes_in_floating_point(descriptor: Path) -> None:
    exact = embedding(replace(FACTORY, precision="fp32"))
    changed(descriptor, high={})
    np.testing.assert_array_equal(embedding(replace(FACTORY, weights=str(descriptor))), exact)


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[1]", b"\xff\xfe", b'{"weights": "", "photographs": 1}'],
)
def test_a_damaged_file_is_refused(descriptor: Path, content: bytes) -> None:
    Path(ranges.beside(str(descriptor))).write_bytes(content)
    reason = "it is damaged" if content else "empty"
    with pytest.raises(UserError, match=rf"cannot be used \({reason}\): make them again with job"):
        with_ranges(str(descriptor))


@pytest.mark.parametrize("value", [0, -1, float("nan"), float("inf"), "wide", None])
def test_a_range_that_is_none_is_refused(descriptor: Path, value: object) -> None:
    changed(descriptor, high={"layer1.0.conv1": value})
    with pytest.raises(UserError, match="it is damaged"):
        with_ranges(str(descriptor))


def test_ranges_of_other_weights_or_layers_are_refused(descriptor: Path) -> None:
    changed(descriptor, high={"layer9.0.conv1": 1.0})
    with pytest.raises(UserError, match="it names layers that ResNet-50 does not have"):
        with_ranges(str(descriptor))
    changed(descriptor, high={}, weights="0a")
    with pytest.raises(UserError, match="it was measured for other weights"):
        with_ranges(str(descriptor))


def test_damaged_ranges_stop_only_what_reads_them(descriptor: Path) -> None:
    Path(ranges.beside(str(descriptor))).write_bytes(b"{")
    factory = replace(FACTORY, weights=str(descriptor), precision="fp32")
    assert "-fp32-" in factory.create([], threads=1)[0].fingerprint


def test_a_published_name_has_no_ranges_to_measure() -> None:
    with pytest.raises(UserError, match="IMAGENET1K_V2 is a name: ranges lie beside a file"):
        calibration.load("IMAGENET1K_V2")


def test_measured_ranges_come_back_from_their_file(tmp_path: Path) -> None:
    loaded = weights.load("builtin")
    squares = [np.asarray(picture(seed, 128, 128)) for seed in range(11)]
    found = calibration.measure(loaded, squares, threads=2)
    assert found == calibration.measure(loaded, squares, threads=1)
    found.save(tmp_path / "ranges.json")
    again = ranges.loads((tmp_path / "ranges.json").read_bytes(), loaded.digest)
    assert again == found
    assert again.fingerprint == found.fingerprint
    assert found.photographs == 11


def test_calibration_writes_what_int8_reads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    for seed in range(4):
        (photos / f"{seed}.jpg").write_bytes(encoded(picture(seed, 80, 60), "JPEG"))
    (photos / "broken.jpg").write_text("no picture")
    path = tmp_path / "w.safetensors"
    shutil.copyfile(weights.BUILTIN, path)
    arguments = ["calibrate.py", f"--photos={photos}", f"--weights={path}"]
    monkeypatch.setattr("sys.argv", [*arguments, f"--out={tmp_path / 'w.ranges.json'}"])
    assert train.calibrate() == 2
    assert "4 readable photographs: calibration needs 100" in capsys.readouterr().out
    monkeypatch.setattr(train, "_LEAST_CALIBRATED", 4)
    assert train.calibrate() == 0
    found = with_ranges(str(path)).ranges
    assert isinstance(found, Ranges)
    assert found.photographs == 4
    assert "-int8-" in fingerprint(path)
