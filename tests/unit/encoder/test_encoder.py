"""The contract of encoders, which OpenVINO and torch both keep: embeddings and fingerprints."""

import pickle
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
import torch
from torchvision.models import resnet50
from torchvision.transforms import Normalize

from imgdedup.encoder import Encoder, EncoderFactory, choice, graph, network, weights
from imgdedup.encoder.network import TorchEncoder
from imgdedup.errors import UserError
from tests.stand_ins import picture

Precision = Literal["int8", "bf16", "fp32"]
FACTORY = EncoderFactory("builtin", input_size=64, batch_size=4, device="cpu", precision="fp32")


@pytest.fixture(scope="module", params=["openvino", "torch"])
def library(request: pytest.FixtureRequest) -> Iterator[str]:
    """Each library in turn computes what a test asks for on a CPU."""
    with pytest.MonkeyPatch.context() as patch:
        if request.param == "torch":
            patch.setattr(choice, "runs_openvino", lambda: False)
        yield request.param


@pytest.fixture(scope="module")
def encoder(library: str) -> Encoder:
    return FACTORY.create([], threads=1)[0]


@pytest.fixture(scope="module")
def squares(encoder: Encoder) -> list[np.ndarray]:
    return [np.asarray(picture(seed, encoder.side, encoder.side)) for seed in range(4)]


def cosine(one: np.ndarray, other: np.ndarray) -> float:
    return float(one @ other / np.linalg.norm(one) / np.linalg.norm(other))


def test_an_embedding_has_2048_finite_values(encoder: Encoder, squares: list[np.ndarray]) -> None:
    found = encoder.encode(squares)
    assert (found.shape, found.dtype) == ((4, 2048), np.float32)
    assert np.isfinite(found).all()


def noise(seed: int, side: int) -> np.ndarray:
    """A square whose every pixel counts, so that no difference of bits is lost in flat parts."""
    return np.random.default_rng(seed).integers(0, 256, (side, side, 3), dtype=np.uint8)


@pytest.mark.parametrize("precision", ["fp32", "bf16", "int8"])
@pytest.mark.parametrize("input_size", [0, 64])
def test_neighbours_threads_and_batches_do_not_change_a_bit(
    library: str, precision: Precision, input_size: int
) -> None:
    if (library, precision) == ("torch", "int8"):
        with pytest.raises(UserError, match=r"embed\.precision is int8, which needs a CPU, Open"):
            replace(FACTORY, precision=precision).create([], threads=1)
        return
    plain = replace(FACTORY, precision=precision, input_size=input_size, batch_size=1)
    one = plain.create([], threads=1)[0]
    image, *others = (noise(seed, one.side) for seed in range(24))
    alone = one.encode([image])[0].tobytes()
    for threads, batch_size in ((1, 20), (2, 1), (3, 7)):
        encoder = replace(plain, batch_size=batch_size).create([], threads)[0]
        assert encoder.fingerprint == one.fingerprint
        for place in (0, 7, encoder.batch_size - 1):
            neighbours = others[: encoder.batch_size - 1]
            batch = [*neighbours[:place], image, *neighbours[place:]]
            assert encoder.encode(batch)[place].tobytes() == alone
        assert encoder.encode([image])[0].tobytes() == alone


@pytest.mark.parametrize("threads", [1, 2])
def test_the_threads_of_the_process_do_not_change_a_bit(library: str, threads: int) -> None:
    encoder = FACTORY.create([], threads=1)[0]
    square = noise(0, encoder.side)
    before, limit = encoder.encode([square]), torch.get_num_threads()
    try:
        torch.set_num_threads(threads)
        again = FACTORY.create([], threads=2)[0].encode([square])
    finally:
        torch.set_num_threads(limit)
    assert again.tobytes() == before.tobytes()


def test_embeddings_made_at_the_same_time_do_not_change_a_bit(encoder: Encoder) -> None:
    squares = [noise(seed, encoder.side) for seed in range(8)]
    alone = [encoder.encode([square]).tobytes() for square in squares]
    with ThreadPoolExecutor(4) as pool:
        together = pool.map(lambda square: encoder.encode([square]).tobytes(), squares * 2)
        assert list(together) == alone * 2


@pytest.mark.filterwarnings("ignore:`torch.jit:FutureWarning")
def test_a_script_gives_the_same_bits_at_every_call(tmp_path: Path) -> None:
    layers = [torch.nn.Conv2d(3, 8, 3), torch.nn.SiLU(), torch.nn.AdaptiveAvgPool2d(2)]
    torch.manual_seed(0)
    torch.jit.script(torch.nn.Sequential(*layers)).save(str(tmp_path / "module.pt"))
    encoder = replace(FACTORY, weights=str(tmp_path / "module.pt")).create([], threads=1)[0]
    found = {encoder.encode([noise(0, encoder.side)]).tobytes() for _ in range(5)}
    assert len(found) == 1


def test_an_edited_copy_is_nearer_than_another_picture(
    encoder: Encoder, squares: list[np.ndarray]
) -> None:
    darker = (squares[0] * 0.8).astype(np.uint8)
    original, copy, *others = encoder.encode([squares[0], darker, squares[1], squares[2]])
    assert cosine(original, copy) > max(cosine(original, other) for other in others)


def test_it_computes_what_torchvisions_own_network_does(
    encoder: Encoder, squares: list[np.ndarray], tmp_path: Path
) -> None:
    original = resnet50()
    original.fc = torch.nn.Identity()
    state = weights.load("builtin").state or {}
    original.load_state_dict({key: torch.from_numpy(state[key]) for key in state}, strict=False)
    torch.save(original.state_dict(), tmp_path / "plain.pth")
    plain = replace(FACTORY, weights=str(tmp_path / "plain.pth")).create([], threads=1)[0]
    pixels = torch.from_numpy(np.stack(squares)).permute(0, 3, 1, 2) / 255
    pixels = Normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))(pixels)
    with torch.inference_mode():
        expected = original.eval()(pixels).numpy()
        places = torch.nn.Sequential(*list(original.children())[:-2])(pixels).numpy()
    np.testing.assert_allclose(plain.encode(squares), expected, rtol=1e-3, atol=1e-4)
    # The pooling of `builtin`: the mean of squares, its root, and the root of that.
    rooted = np.sqrt(np.sqrt((places**2).mean((2, 3))))
    np.testing.assert_allclose(encoder.encode(squares), rooted, rtol=1e-2, atol=1e-2)


def test_bf16_gives_almost_the_same_embedding(encoder: Encoder, squares: list[np.ndarray]) -> None:
    fast = replace(FACTORY, precision="bf16").create([], threads=1)[0]
    for one, other in zip(encoder.encode(squares), fast.encode(squares), strict=True):
        assert cosine(one, other) > 0.999
    assert fast.fingerprint != encoder.fingerprint
    assert fast.encode([squares[0]]).tobytes() == fast.encode(squares)[:1].tobytes()


def test_the_fingerprint_is_the_same_at_every_load(encoder: Encoder) -> None:
    again = pickle.loads(pickle.dumps(FACTORY)).create([], threads=1)[0]
    larger = replace(FACTORY, batch_size=8).create([], threads=1)[0]
    assert again.fingerprint == larger.fingerprint == encoder.fingerprint


def test_the_fingerprint_tells_what_makes_embeddings_differ(library: str, encoder: Encoder) -> None:
    other_size = replace(FACTORY, input_size=encoder.side + 16).create([], threads=1)[0]
    assert other_size.side == encoder.side + 16
    assert other_size.fingerprint != encoder.fingerprint
    computed = r"cpu_[a-z0-9_]+-openvino_[0-9.]+-fp32" if library == "openvino" else r"cpu_\w+-fp32"
    assert re.match(rf"builtin-{encoder.side}px-{computed}-[0-9a-f]+$", encoder.fingerprint)


def test_the_fingerprint_tells_gpus_and_their_batches_apart(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fingerprint(gpu: str, batch_size: int) -> str:
        monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: gpu)
        factory = replace(FACTORY, batch_size=batch_size)
        device = torch.device("cuda", 0)
        return TorchEncoder(weights.load("builtin"), factory, device, 2).fingerprint

    known = {fingerprint(gpu, size) for gpu in ("Vendor T4", "Vendor A100") for size in (32, 64)}
    assert len(known) == 4
    assert sum("-cuda_vendor_a100-fp32-" in name for name in known) == 2


def test_the_network_is_made_with_the_first_batch(
    library: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    module, name = (graph, "build") if library == "openvino" else (network, "resnet50_with")
    make, made = getattr(module, name), []

    def noted(*arguments: object) -> object:
        made.append(arguments)
        return make(*arguments)

    monkeypatch.setattr(module, name, noted)
    encoder = FACTORY.create([], threads=2)[0]
    assert encoder.fingerprint
    assert not made
    for _ in range(2):
        encoder.encode([noise(0, encoder.side)])
    assert len(made) == 1


def test_the_best_precision_of_the_device_is_named(library: str) -> None:
    chosen = replace(FACTORY, precision="auto").create([], threads=1)[0].fingerprint
    kinds: list[Precision] = ["bf16", "fp32"]
    if library == "openvino":
        kinds.append("int8")
    known = [replace(FACTORY, precision=kind).create([], threads=1)[0] for kind in kinds]
    assert chosen in [encoder.fingerprint for encoder in known]


def test_the_cpu_is_one_device_whatever_gpus_are_named(library: str) -> None:
    assert len(FACTORY.create(["0", "1"], threads=1)) == 1


def test_a_gpu_that_is_not_there_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(UserError, match=r"embed\.device is cuda, but torch sees no GPU"):
        replace(FACTORY, device="cuda").create([], threads=1)
    on_cpu = replace(FACTORY, device="auto").create([], threads=1)
    assert "-cpu_" in on_cpu[0].fingerprint
