"""Training with a teacher: the loss falls, it can be resumed, and unfit teachers are refused."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torchvision.models.resnet import Bottleneck, ResNet

from imgdedup.corpora.corpus import EDITED_PHOTOS
from imgdedup.encoder import EncoderFactory, weights
from imgdedup.encoder.training import command, trainer
from imgdedup.encoder.training.recipe import Recipe
from imgdedup.encoder.training.teacher import Teacher
from imgdedup.encoder.training.trainer import Training
from imgdedup.errors import UserError
from imgdedup.local import train
from tests.pictures import photograph
from tests.stand_ins import picture

CPU = torch.device("cpu")
SMALL = Recipe(
    views=2 * 12 * 48, start="scratch", batch=12, sides=((1.0, 32),), warmup=1, rate=2e-3
)
pytestmark = pytest.mark.filterwarnings("ignore:`torch.jit:FutureWarning")


class Colours(torch.nn.Module):
    """A teacher that knows 16 sums of the colours of four quarters of a picture."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        torch.manual_seed(seed)
        self.pool = torch.nn.AdaptiveAvgPool2d(2)
        self.sums = torch.nn.Linear(12, 16)

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        values: torch.Tensor = self.sums(self.pool(pixels).flatten(1))
        return values


class Whole(torch.nn.Module):
    """A module that makes no vectors: it refuses the pictures."""

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        return pixels.view(3, 5)


@pytest.fixture(autouse=True)
def small_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def small(zero_init_residual: bool) -> ResNet:
        return ResNet(Bottleneck, [1, 1, 1, 1], zero_init_residual=zero_init_residual)

    monkeypatch.setattr(trainer, "resnet50", small)


@pytest.fixture(scope="module")
def squares() -> np.ndarray:
    return np.stack([np.asarray(picture(seed, 48, 48)) for seed in range(36)])


def scripted(path: Path, module: torch.nn.Module) -> Path:
    torch.jit.save(torch.jit.script(module), str(path))
    return path


def training(path: Path | str) -> Training:
    teacher = Teacher(str(path), CPU)
    recipe = replace(SMALL, teacher=teacher.name, teacher_digest=teacher.digest)
    return Training(recipe, CPU, compiled=False, teacher=teacher)


def parameters(of: Training) -> torch.Tensor:
    kept = [*of.network.parameters(), *of.head.parameters()]
    return torch.cat([value.flatten() for value in kept])


def test_the_student_comes_nearer_to_the_teacher_than_any_constant(
    squares: np.ndarray, tmp_path: Path
) -> None:
    taught = training(scripted(tmp_path / "colours.pt", Colours(1)))
    losses = [taught.advance(squares) for _ in range(SMALL.steps)]
    assert all(0 <= loss <= 2 for loss in losses)
    assert np.mean(losses[-8:]) < 0.8 < losses[0]  # a student that ignores the pictures has 1


def test_a_taught_training_goes_on_as_if_it_had_not_been_killed(
    squares: np.ndarray, tmp_path: Path
) -> None:
    path = scripted(tmp_path / "colours.pt", Colours(1))
    whole, killed = training(path), training(path)
    for _ in range(2):
        whole.advance(squares)
    killed.advance(squares)
    killed.save(tmp_path / "killed.pt")
    again = training(path)
    again.resume(tmp_path / "killed.pt")
    again.advance(squares)
    assert torch.equal(parameters(whole), parameters(again))


def test_a_checkpoint_of_another_teacher_is_refused(tmp_path: Path) -> None:
    checkpoint = tmp_path / "checkpoint.pt"
    path = scripted(tmp_path / "colours.pt", Colours(1))
    training(path).save(checkpoint)
    training(path).resume(checkpoint)
    scripted(path, Colours(2))
    with pytest.raises(UserError, match="was made with another teacher_digest: use the same"):
        training(path).resume(checkpoint)
    with pytest.raises(UserError, match="was made with another teacher, teacher_digest: "):
        Training(SMALL, CPU, compiled=False).resume(checkpoint)


def test_a_resnet_50_is_imitated_without_a_layer_between(squares: np.ndarray) -> None:
    taught = training("builtin")
    assert list(taught.head.parameters()) == []
    assert 0 < taught.advance(squares) < 2
    # A teacher's vectors are those that `embed` makes of the same pixels.
    teacher = Teacher("builtin", CPU)
    views = torch.rand(3, 3, 128, 128, generator=torch.Generator().manual_seed(1))
    encoder = EncoderFactory("builtin", 0, 1, "cpu", "fp32").create([], 1)[0]
    same = encoder.encode([*(views * 255).byte().permute(0, 2, 3, 1).numpy()])
    cosines = (teacher(views) * torch.nn.functional.normalize(torch.from_numpy(same))).sum(1)
    assert cosines.min() > 0.999


@pytest.mark.parametrize("spec", ["none.pt", "NO_NAME"])
def test_a_teacher_that_is_not_there_is_one_line(spec: str, tmp_path: Path) -> None:
    with pytest.raises(UserError) as raised:
        Teacher(str(tmp_path / spec) if "." in spec else spec, CPU)
    assert "\n" not in str(raised.value)


def test_a_teacher_that_makes_no_vectors_is_refused(tmp_path: Path) -> None:
    path = scripted(tmp_path / "whole.pt", Whole())
    with pytest.raises(UserError) as raised:
        Teacher(str(path), CPU)
    said = str(raised.value)
    assert said.startswith("the teacher whole.pt makes no vectors of pictures of 224 x 224 pixels")
    assert "\n" not in said


def test_the_card_names_the_teacher(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe = replace(SMALL, views=2 * 4 * 2, batch=4)
    monkeypatch.setattr(command, "Recipe", lambda *_, **__: recipe)
    monkeypatch.setattr(command, "_can_compile", lambda device: False)
    photos = tmp_path / "photos"
    photos.mkdir()
    for name in sorted(EDITED_PHOTOS)[:10]:
        photograph(name).save(photos / f"{name}.png")
    path = scripted(tmp_path / "colours.pt", Colours(1))
    out = tmp_path / "out"
    monkeypatch.setattr(
        "sys.argv",
        ["train.py", f"--photos={photos}", f"--out={out}", f"--teacher={path}", "--start=scratch"],
    )
    assert train.main() == 0
    assert "imitating colours.pt at 224 px" in capsys.readouterr().out
    card = (out / "model-card.md").read_text()
    assert f"the teacher colours.pt (digest {weights.load(str(path)).digest})" in card
    loaded = weights.load(str(out / command.DESCRIPTOR))
    assert loaded.state is not None
    assert not any(name.startswith("head") for name in loaded.state)
