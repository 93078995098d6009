"""Where weights come from, and how unfit weights are refused."""

import hashlib
import io
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from urllib.error import URLError

import numpy as np
import pytest
import torch
from torchvision.models import WeightsEnum, resnet18, resnet50

from imgdedup.encoder import EncoderFactory, weights
from imgdedup.errors import UserError
from imgdedup.space.learning import learn_axes
from imgdedup.space.projection import unit
from imgdedup.testing import picture
from tests.loopback import Server, serving

State = dict[str, torch.Tensor]
TORCHVISION = "IMAGENET1K_V2"
script_warning = pytest.mark.filterwarnings("ignore:`torch.jit:FutureWarning")


def flat(network: torch.nn.Module, dtype: torch.dtype = torch.float32) -> State:
    """A state_dict of the right shapes whose tensors each repeat one value, to keep files small."""
    chance = torch.Generator().manual_seed(1)
    return {
        name: torch.rand((), generator=chance).to(dtype).expand(tensor.shape)
        if tensor.is_floating_point()
        else tensor
        for name, tensor in network.state_dict().items()
    }


with torch.device("meta"):
    RESNET50, RESNET18 = resnet50(), resnet18()


@pytest.fixture(scope="module")
def state() -> State:
    return flat(RESNET50) | {
        name: torch.tensor(7) for name in RESNET50.state_dict() if name.endswith("_tracked")
    }


def factory(spec: Path | str) -> EncoderFactory:
    return EncoderFactory(str(spec), input_size=32, batch_size=1, device="cpu", precision="fp32")


def embedding(spec: Path | str) -> np.ndarray:
    return factory(spec).create([], threads=1)[0].encode([np.asarray(picture(1, 32, 32))])[0]


def refusal(spec: Path | str) -> str:
    with pytest.raises(UserError) as raised:
        embedding(spec)
    return str(raised.value)


def saved(path: Path, content: object) -> Path:
    torch.save(content, path)
    return path


@pytest.mark.parametrize("wrapped", [False, True])
@pytest.mark.parametrize("head", [False, True])
def test_a_state_dict_is_read_with_or_without_wrapping_and_classifier(
    tmp_path: Path, state: State, wrapped: bool, head: bool
) -> None:
    content = {name: tensor for name, tensor in state.items() if head or "fc." not in name}
    path = saved(tmp_path / "w.pth", {"state_dict": content} if wrapped else content)
    loaded = weights.load(str(path))
    assert loaded.state is not None
    assert loaded.state.keys() == content.keys()
    assert all(torch.equal(loaded.state[name], content[name]) for name in content)
    assert (loaded.name, loaded.input_size, loaded.script) == ("w.pth", 224, None)
    assert embedding(path).shape == (2048,)


def test_counters_of_training_may_be_missing(tmp_path: Path, state: State) -> None:
    content = {name: tensor for name, tensor in state.items() if "_tracked" not in name}
    path = saved(tmp_path / "w.pth", content)
    np.testing.assert_array_equal(embedding(path), embedding(saved(tmp_path / "all.pth", state)))


def test_half_precision_is_read_as_float32(tmp_path: Path) -> None:
    half = flat(RESNET50, torch.float16)
    half = {name: tensor for name, tensor in half.items() if not tensor.is_meta}
    loaded = weights.load(str(saved(tmp_path / "w.pth", half)))
    assert loaded.state is not None
    assert {tensor.dtype for tensor in loaded.state.values()} == {torch.float32}
    assert torch.equal(loaded.state["conv1.weight"], half["conv1.weight"].float())


def test_a_safetensors_file_is_read_by_path_and_by_uri(tmp_path: Path) -> None:
    path = tmp_path / "my weights.safetensors"
    shutil.copyfile(weights.BUILTIN, path)
    builtin = weights.load("builtin")
    for spec in (str(path), path.as_uri()):
        loaded = weights.load(spec)
        assert (loaded.digest, loaded.input_size) == (builtin.digest, builtin.input_size)
    np.testing.assert_array_equal(embedding(path), embedding("builtin"))


@script_warning
def test_a_torchscript_module_is_its_own_network(tmp_path: Path) -> None:
    pool = torch.nn.Sequential(torch.nn.AdaptiveAvgPool2d(2), torch.nn.Flatten())
    path = tmp_path / "module.pt"
    torch.jit.script(pool).save(str(path))
    loaded = weights.load(str(path))
    assert loaded.state is None
    mean, std = np.array(loaded.mean), np.array(loaded.std)
    quarters = np.asarray(picture(1, 32, 32)).reshape(2, 16, 2, 16, 3).mean(axis=(1, 3)) / 255
    expected = ((quarters - mean) / std).transpose(2, 0, 1).reshape(-1)
    np.testing.assert_allclose(embedding(path), expected, rtol=1e-4, atol=1e-4)


def test_other_weights_have_another_fingerprint(tmp_path: Path, state: State) -> None:
    first = saved(tmp_path / "w.pth", state)
    (tmp_path / "other").mkdir()
    changed = state | {"conv1.weight": state["conv1.weight"] * 2}
    second = saved(tmp_path / "other" / "w.pth", changed)
    prints = [factory(path).create([], 1)[0].fingerprint for path in (first, second)]
    assert prints[0] != prints[1]
    assert all(name.startswith("w.pth-32px-cpu_") for name in prints)


def test_another_architecture_is_refused(tmp_path: Path) -> None:
    real = {n: t for n, t in flat(RESNET18).items() if not t.is_meta}
    said = refusal(saved(tmp_path / "resnet18.pth", real))
    assert said.startswith("the weights resnet18.pth do not fit ResNet-50: ")


def test_missing_and_unknown_tensors_are_counted(tmp_path: Path, state: State) -> None:
    missing = {name: tensor for name, tensor in state.items() if name != "conv1.weight"}
    said = refusal(saved(tmp_path / "w.pth", missing | {"extra": torch.ones(1)}))
    assert "1 of its tensors are missing ['conv1.weight'], 1 unknown ['extra']" in said


@pytest.mark.parametrize("name", ["w.pth", "w.pt", "w.safetensors"])
def test_a_file_of_something_else_is_refused(tmp_path: Path, name: str) -> None:
    zipped = io.BytesIO()
    torch.save({"a": torch.ones(3)}, zipped)
    broken_zip = zipped.getvalue()
    directory = broken_zip.rindex(b"PK\1\2")
    contents = [
        b"hello\n",
        b"\x80\x02.",
        np.random.default_rng(1).bytes(3000),
        broken_zip[:200],
        broken_zip[:directory] + b"PK\0\0" + broken_zip[directory + 4 :],
    ]
    for content in contents:
        (tmp_path / name).write_bytes(content)
        assert "are neither a state_dict" in refusal(tmp_path / name)


@pytest.mark.parametrize("content", [[1, 2], {"a": 1}, {"model": {"a": torch.ones(1)}}, "text"])
def test_a_checkpoint_without_a_state_dict_is_refused(tmp_path: Path, content: object) -> None:
    assert "the file holds no state_dict" in refusal(saved(tmp_path / "w.pth", content))


def test_a_pickle_that_could_run_code_is_refused(tmp_path: Path) -> None:
    module = saved(tmp_path / "whole.pth", torch.nn.Linear(2, 2))
    assert "it does not hold tensors alone" in refusal(module)


def test_a_file_that_cannot_be_read_is_named_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "empty.pth").touch()
    for name, code in (("none.pth", "missing"), ("empty.pth", "empty"), (".", "unreadable")):
        said = refusal(f"{tmp_path}/{name}")
        assert said.startswith(
            f"the weights {tmp_path}/{name} cannot be read ({code}): set embed.w"
        )


def test_an_unknown_name_is_answered_with_the_known_ones() -> None:
    said = refusal("IMAGENET1K_V9")
    assert "IMAGENET1K_V9" in said
    assert "IMAGENET1K_V1, IMAGENET1K_V2" in said


def test_a_name_of_torchvisions_needs_the_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def offline(*args: object, **options: object) -> State:
        raise URLError("no route to host")

    monkeypatch.setattr(WeightsEnum, "get_state_dict", offline)
    said = refusal(TORCHVISION)
    assert re.search(r"cannot be downloaded from https://\S+/resnet50-", said)
    assert "set embed.weights to its path" in said


def test_a_name_of_torchvisions_brings_its_size(
    monkeypatch: pytest.MonkeyPatch, state: State
) -> None:
    monkeypatch.setattr(WeightsEnum, "get_state_dict", lambda *args, **options: state)
    loaded = weights.load(TORCHVISION)
    assert (loaded.name, loaded.input_size) == (TORCHVISION, 224)
    assert (loaded.mean, loaded.std) == ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
    assert loaded.digest != weights.load("IMAGENET1K_V1").digest


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
    monkeypatch.setattr(weights, "SSCD_SHA256", hashlib.sha256(sscd_file).hexdigest())
    with serving(lambda request: request.reply(200, sscd_file)) as server:
        monkeypatch.setattr(weights, "SSCD_URL", f"{server.address}/sscd.torchscript.pt")
        yield server


@script_warning
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
    assert learn_axes(unit(others), 256, "").project(found).shape == (8, 256)


@script_warning
def test_the_file_of_sscd_has_its_input_size_at_any_path(
    publisher: Server, sscd_file: bytes, tmp_path: Path
) -> None:
    path = tmp_path / "fetched elsewhere.pt"
    path.write_bytes(sscd_file)
    loaded = weights.load(str(path))
    assert (loaded.input_size, loaded.digest) == (320, weights.load("sscd").digest)


@script_warning
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
    said = refusal("sscd")
    assert said.startswith("the weights sscd cannot be downloaded from http://127.0.0.1")
    assert "invalid hash value" in said
    kept = tmp_path / "hub" / "checkpoints" / "sscd.torchscript.pt"
    assert not kept.exists()
    kept.write_bytes(answer)
    assert refusal("sscd").startswith(f"the weights {kept} are not those of http://127.0.0.1")


def test_sscd_needs_the_network_or_a_file(publisher: Server, tmp_path: Path) -> None:
    publisher.answer = lambda request: request.reply(404)
    said = refusal("sscd")
    assert f"{weights.SSCD_URL} (HTTP Error 404: Not Found): fetch that file" in said
    assert f"put it into {tmp_path}/hub/checkpoints, or set embed.weights to its path" in said
    assert "\n" not in said


@pytest.mark.skipif(
    "IMGDEDUP_WEIGHTS" not in os.environ,
    reason="IMGDEDUP_WEIGHTS is not set: that real ImageNet weights know a cat was not checked",
)
def test_real_imagenet_weights_know_a_cat() -> None:
    from PIL import Image
    from skimage import data

    path = os.environ["IMGDEDUP_WEIGHTS"]
    state = weights.load(path).state or {}
    if "fc.weight" not in state:
        pytest.skip(f"{path} has no classifier to ask: what its embeddings mean was not checked")
    cat = Image.fromarray(data.chelsea()).resize((224, 224), Image.Resampling.BILINEAR)
    encoder = EncoderFactory(path, 224, 1, "cpu", "fp32").create([], threads=1)[0]
    features = torch.from_numpy(encoder.encode([np.asarray(cat)]))
    scores = features @ state["fc.weight"].T + state["fc.bias"]
    assert int(scores.argmax()) in range(281, 286)  # ImageNet's domestic cats
