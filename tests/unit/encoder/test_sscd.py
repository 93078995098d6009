"""SSCD by its name: downloaded once, checked, and refused in one line, from a stand-in's server."""

import hashlib
import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from imgdedup.encoder import EncoderFactory, torch_files, weights
from imgdedup.errors import UserError
from imgdedup.space.learning import learn_axes
from imgdedup.space.projection import unit
from tests.loopback import Server, serving
from tests.stand_ins import picture

pytestmark = pytest.mark.filterwarnings("ignore:`torch.jit:FutureWarning")


def refusal() -> str:
    with pytest.raises(UserError) as raised:
        weights.load("sscd")
    return str(raised.value)


class StandIn(torch.nn.Module):
    """What SSCD's file promises: pictures in, 512 values of length 1 out. It needs 320 pixels."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(1)
        self.patches = torch.nn.Conv2d(3, 512, 80, stride=80)

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        values = self.patches(pixels).relu().mean((2, 3))
        return torch.nn.functional.normalize(values, dim=1)


@pytest.fixture(scope="module")
def sscd_file() -> bytes:
    written = io.BytesIO()
    torch.jit.save(torch.jit.script(StandIn()), written)
    return written.getvalue()


@pytest.fixture
def publisher(
    sscd_file: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Server]:
    """A server that publishes the stand-in as SSCD, for an empty cache in `tmp_path`."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr(torch.hub, "_hub_dir", None)
    monkeypatch.setattr(torch_files, "SSCD_SHA256", hashlib.sha256(sscd_file).hexdigest())
    with serving(lambda request: request.reply(200, sscd_file)) as server:
        monkeypatch.setattr(torch_files, "SSCD_URL", f"{server.address}/sscd.torchscript.pt")
        yield server


def test_sscd_is_downloaded_once_and_gives_512_values(publisher: Server, tmp_path: Path) -> None:
    settings = EncoderFactory("sscd", input_size=0, batch_size=1, device="cpu", precision="auto")
    encoder = settings.create([], threads=1)[0]
    again = settings.create([], threads=1)[0]
    assert publisher.asked == ["/sscd.torchscript.pt"]
    assert encoder.side == 320
    squares = [np.asarray(picture(number, 320, 320)) for number in range(8)]
    found = encoder.encode(squares)
    assert found.shape == (8, 512)
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, atol=1e-5)
    np.testing.assert_array_equal(found, again.encode(squares))
    assert encoder.fingerprint == again.fingerprint
    assert encoder.fingerprint.startswith("sscd-320px-cpu_")
    # The projection that `fit` learns takes as many values as there are.
    others = np.random.default_rng(1).normal(size=(1100, 512)).astype(np.float32)
    assert learn_axes(unit(others), 256).project(found).shape == (8, 256)


def test_the_file_of_sscd_has_its_input_size_at_any_path(
    publisher: Server, sscd_file: bytes, tmp_path: Path
) -> None:
    path = tmp_path / "fetched elsewhere.pt"
    path.write_bytes(sscd_file)
    loaded = weights.load(str(path))
    assert (loaded.input_size, loaded.digest) == (320, weights.load("sscd").digest)


def test_a_file_called_sscd_comes_before_the_name(
    publisher: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.jit.save(torch.jit.script(torch.nn.AdaptiveAvgPool2d(1)), str(tmp_path / "sscd"))
    monkeypatch.chdir(tmp_path)
    assert weights.load("sscd").input_size == 224
    assert publisher.asked == []


@pytest.mark.parametrize("answer", [b"", b"a page that asks to log in"])
def test_another_file_instead_of_sscd_is_refused(
    publisher: Server, tmp_path: Path, answer: bytes
) -> None:
    publisher.answer = lambda request: request.reply(200, answer)
    said = refusal()
    assert said.startswith("the weights sscd cannot be downloaded from http://127.0.0.1")
    assert "invalid hash value" in said
    kept = tmp_path / "hub" / "checkpoints" / "sscd.torchscript.pt"
    assert not kept.exists()
    kept.write_bytes(answer)
    assert refusal().startswith(f"the weights {kept} are not those of http://127.0.0.1")


def test_sscd_needs_the_network_or_a_file(publisher: Server, tmp_path: Path) -> None:
    publisher.answer = lambda request: request.reply(404)
    said = refusal()
    assert f"{torch_files.SSCD_URL} (HTTP Error 404: Not Found): fetch that file" in said
    assert f"put it into {tmp_path}/hub/checkpoints, or set embed.weights to its path" in said
    assert "\n" not in said
