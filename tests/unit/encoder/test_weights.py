"""Where weights come from, and how unfit weights are refused."""

import io
import os
import re
import shutil
from pathlib import Path
from urllib.error import URLError

import numpy as np
import pytest
import torch
from torchvision.models import WeightsEnum, resnet18, resnet50

from imgdedup.encoder import EncoderFactory, weights
from imgdedup.errors import UserError
from tests.stand_ins import picture

State = dict[str, torch.Tensor]
TORCHVISION = "IMAGENET1K_V2"


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
    for name in content:
        np.testing.assert_array_equal(loaded.state[name], content[name].numpy())
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
    assert {values.dtype for values in loaded.state.values()} == {np.dtype(np.float32)}
    kernel = half["conv1.weight"].float().numpy()
    np.testing.assert_array_equal(loaded.state["conv1.weight"], kernel)


def test_a_safetensors_file_is_read_by_path_and_by_uri(tmp_path: Path) -> None:
    path = tmp_path / "my weights.safetensors"
    shutil.copyfile(weights.BUILTIN, path)
    builtin = weights.load("builtin")
    for spec in (str(path), path.as_uri()):
        loaded = weights.load(spec)
        assert (loaded.digest, loaded.input_size) == (builtin.digest, builtin.input_size)
    np.testing.assert_array_equal(embedding(path), embedding("builtin"))


@pytest.mark.filterwarnings("ignore:`torch.jit:FutureWarning")
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
    layer = (torch.from_numpy(state[f"fc.{part}"]) for part in ("weight", "bias"))
    scores = torch.nn.functional.linear(features, *layer)
    assert int(scores.argmax()) in range(281, 286)  # ImageNet's domestic cats
