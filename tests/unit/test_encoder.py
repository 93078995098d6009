"""The network carried in the package: its embeddings and its fingerprint."""

import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torchvision.models import resnet50
from torchvision.transforms import Normalize

from imgdedup.encoder import Encoder, EncoderFactory, weights
from imgdedup.errors import UserError
from imgdedup.testing import picture

FACTORY = EncoderFactory("builtin", input_size=64, batch_size=4, device="cpu", precision="fp32")


@pytest.fixture(scope="module")
def encoder() -> Encoder:
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


@pytest.mark.parametrize("others", [[], [1], [1, 2, 3], [0, 0, 0]])
@pytest.mark.parametrize("place", [0, -1])
def test_an_embedding_has_the_same_bits_wherever_it_stands_and_however_full_the_batch(
    encoder: Encoder, squares: list[np.ndarray], others: list[int], place: int
) -> None:
    batch = [squares[number] for number in others]
    batch.insert(0 if place == 0 else len(batch), squares[0])
    alone = encoder.encode([squares[0]])[0]
    assert encoder.encode(batch)[place].tobytes() == alone.tobytes()


def test_an_edited_copy_is_nearer_than_another_picture(
    encoder: Encoder, squares: list[np.ndarray]
) -> None:
    darker = (squares[0] * 0.8).astype(np.uint8)
    original, copy, *others = encoder.encode([squares[0], darker, squares[1], squares[2]])
    assert cosine(original, copy) > max(cosine(original, other) for other in others)


def test_it_computes_what_torchvisions_own_network_does(
    encoder: Encoder, squares: list[np.ndarray], tmp_path: Path
) -> None:
    network = resnet50()
    network.fc = torch.nn.Identity()
    network.load_state_dict(weights.load("builtin").state or {}, strict=False)
    torch.save(network.state_dict(), tmp_path / "plain.pth")
    plain = replace(FACTORY, weights=str(tmp_path / "plain.pth")).create([], threads=1)[0]
    pixels = torch.from_numpy(np.stack(squares)).permute(0, 3, 1, 2) / 255
    pixels = Normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))(pixels)
    with torch.inference_mode():
        expected = network.eval()(pixels).numpy()
        places = torch.nn.Sequential(*list(network.children())[:-2])(pixels).numpy()
    np.testing.assert_allclose(plain.encode(squares), expected, rtol=1e-3, atol=1e-4)
    # The weights carried say: the mean of squares, and of its root the root.
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


def test_the_fingerprint_tells_what_makes_embeddings_differ(encoder: Encoder) -> None:
    other_size = replace(FACTORY, input_size=encoder.side + 16).create([], threads=1)[0]
    assert other_size.side == encoder.side + 16
    assert other_size.fingerprint != encoder.fingerprint
    assert encoder.fingerprint.startswith(f"builtin-{encoder.side}px-cpu-fp32-")


def test_the_best_precision_of_the_device_is_named(encoder: Encoder) -> None:
    chosen = replace(FACTORY, precision="auto").create([], threads=1)[0].fingerprint
    known = {encoder.fingerprint.replace("fp32", kind) for kind in ("fp32", "bf16")}
    assert chosen in known


def test_the_cpu_is_one_device_whatever_gpus_are_named() -> None:
    assert len(FACTORY.create(["0", "1"], threads=1)) == 1


def test_a_gpu_that_is_not_there_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(UserError, match=r"embed\.device is cuda, but torch sees no GPU"):
        replace(FACTORY, device="cuda").create([], threads=1)
    on_cpu = replace(FACTORY, device="auto").create([], threads=1)
    assert "-cpu-" in on_cpu[0].fingerprint
