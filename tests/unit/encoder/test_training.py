"""Training on a few photographs: it learns, goes on from its checkpoint, and refuses others.

The pictures are small and the steps few. The model card says what a real training learns.
"""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torchvision.models.resnet import Bottleneck, ResNet

from imgdedup import config
from imgdedup.corpora.corpus import EDITED_PHOTOS
from imgdedup.encoder import weights
from imgdedup.encoder.training import command, trainer
from imgdedup.encoder.training.batches import drawn
from imgdedup.encoder.training.recipe import SCRATCH, Recipe
from imgdedup.encoder.training.trainer import Training
from imgdedup.errors import UserError
from imgdedup.local import train
from imgdedup.local.workspace import CONF
from tests.pictures import photograph

SMALL = Recipe(views=8 * 6, start="scratch", batch=4, sides=((0.5, 32), (0.5, 40)), warmup=1)
NAMES = sorted(EDITED_PHOTOS)[:10]
CPU = torch.device("cpu")
EMBED = config.load(CONF, "local", {}).embed


@pytest.fixture(scope="module")
def squares() -> np.ndarray:
    chance = np.random.default_rng(1)
    return chance.integers(0, 256, (12, 48, 48, 3), dtype=np.uint8)


@pytest.fixture(autouse=True)
def small_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """One block where ResNet-50 has three to six: the same parts, a third of the parameters."""

    def small(zero_init_residual: bool) -> ResNet:
        return ResNet(Bottleneck, [1, 1, 1, 1], zero_init_residual=zero_init_residual)

    monkeypatch.setattr(trainer, "resnet50", small)


def no_compiler(function: object) -> None:
    raise RuntimeError("no compiler\nand much more")


def parameters(training: Training) -> torch.Tensor:
    return torch.cat([value.flatten() for value in training.network.parameters()])


def test_each_photograph_comes_once_in_an_epoch() -> None:
    epoch = [drawn(10, 3, 1, step).tolist() for step in range(3)]
    assert len({number for step in epoch for number in step}) == 9
    assert drawn(10, 3, 1, 2).tolist() == epoch[2]
    assert drawn(10, 3, 1, 3).tolist() != epoch[0]


def test_sides_grow_and_the_rate_rises_and_falls() -> None:
    recipe = Recipe(views=2 * 256 * 100)
    assert [recipe.side(step) for step in (0, 84, 85, 99)] == [64, 64, 96, 96]
    rates = [recipe.rate_at(step) for step in range(100)]
    assert rates[0] < rates[recipe.warmup // 2] > rates[-1]
    assert rates[-1] < 0.01 * recipe.rate


def test_a_training_that_was_killed_goes_on_as_if_it_had_not_been(
    squares: np.ndarray, tmp_path: Path
) -> None:
    whole = Training(SMALL, CPU, compiled=False)
    trainer.run(whole, squares, 4, tmp_path / "whole.pt", lambda line: None)
    killed = Training(SMALL, CPU, compiled=False)
    for _ in range(3):
        killed.advance(squares[:8])
    killed.save(tmp_path / "killed.pt")
    again = Training(SMALL, CPU, compiled=False)
    again.resume(tmp_path / "killed.pt")
    trainer.run(again, squares, 4, tmp_path / "killed.pt", lambda line: None)
    assert whole.step == again.step == SMALL.steps
    assert torch.equal(parameters(whole), parameters(again))
    figures = [{**run.history[-1], "minutes": 0} for run in (whole, again)]
    assert figures[0] == figures[1]


def test_the_first_parts_of_a_start_stay_as_they_are(
    squares: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = trainer.resnet50(zero_init_residual=False)
    network.fc = torch.nn.Identity()
    monkeypatch.setattr(trainer, "network_of", lambda start: network)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    training = Training(replace(SMALL, start="builtin"), CPU, compiled=False)
    training.advance(squares)
    training.measure(squares[:4], squares[4:], 32)
    training.advance(squares)
    after = network.state_dict()
    changed = {name for name, value in after.items() if not torch.equal(value, before[name])}
    assert {name.partition(".")[0] for name in changed} == {"layer3", "layer4"}
    assert "layer3.0.bn1.running_mean" in changed
    assert Recipe(views=1, start=SCRATCH).kept == ()


def test_whatever_stops_a_training_leaves_a_checkpoint(
    squares: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stopped = Training(SMALL, CPU, compiled=False)
    steps = iter(range(2))

    def advance(own: np.ndarray) -> float:
        if next(steps, None) is None:
            raise KeyboardInterrupt
        return Training.advance(stopped, own)

    monkeypatch.setattr(stopped, "advance", advance)
    with pytest.raises(KeyboardInterrupt):
        trainer.run(stopped, squares, 4, tmp_path / "checkpoint.pt", lambda line: None)
    again = Training(SMALL, CPU, compiled=False)
    again.resume(tmp_path / "checkpoint.pt")
    assert again.step == 2


def test_a_checkpoint_of_another_recipe_or_network_is_refused(
    squares: np.ndarray, tmp_path: Path
) -> None:
    path = tmp_path / "checkpoint.pt"
    training = Training(SMALL, CPU, compiled=False)
    training.save(path)
    longer = Training(replace(SMALL, views=160), CPU, compiled=False)
    longer.resume(path)
    other = Training(replace(SMALL, temperature=0.5), CPU, compiled=False)
    with pytest.raises(UserError, match="with another temperature"):
        other.resume(path)
    state = torch.load(path)
    for change, words in (
        ({"format": 1}, "another format or network"),
        ({"architecture": "vit"}, "another format or network"),
        ({"network": {"stem": torch.zeros(1)}}, "of another network"),
    ):
        torch.save(state | change, path)
        with pytest.raises(UserError, match=words):
            training.resume(path)
    path.write_text("no checkpoint")
    with pytest.raises(UserError, match="not a checkpoint"):
        training.resume(path)


def test_a_folder_with_broken_files_gives_a_descriptor_with_its_card(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(
        command, "Recipe", lambda views, start, *_, seed: replace(SMALL, start=start, seed=seed)
    )
    monkeypatch.setattr(torch, "compile", no_compiler)
    photos = tmp_path / "photos"
    photos.mkdir()
    for name in NAMES:
        photograph(name).save(photos / f"{name}.png")
    (photos / "broken.jpg").write_text("no picture")
    (photos / "kept apart").mkdir()
    photograph(NAMES[0]).save(photos / "kept apart" / "other.png")
    arguments = ["train.py", "--photos", str(photos), "--out", str(tmp_path / "out")]
    monkeypatch.setattr("sys.argv", [*arguments, "--start", "scratch", "--without", "kept apart"])
    assert train.main() == 0
    said = capsys.readouterr().out
    assert "1 not_an_image" in said
    assert "without torch.compile, which fails here and would be faster (no compiler)" in said
    assert f"{len(NAMES) - 1} photographs, 1 held out" in said
    loaded = weights.load(str(tmp_path / "out" / command.DESCRIPTOR))
    assert loaded.input_size == command.INPUT_SIZE
    card = (tmp_path / "out" / "model-card.md").read_text()
    assert "| as stored (int8) |" in card
    assert "1 not_an_image" in card
    # The second run does not read the photographs again, and has nothing left to do.
    (photos / "broken.jpg").unlink()
    assert train.main() == 0
    assert "reading the photographs" not in capsys.readouterr().out


@pytest.mark.parametrize("side", [60, 100, 152])
def test_views_of_a_side_that_cannot_be_made_are_refused(side: int, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=f"views of {side} pixels cannot be made: give a multiple"):
        command.train(
            [], tmp_path, EMBED, views=1, start="scratch", batch=1, seed=1, last_side=side
        )


def test_fewer_photographs_than_a_batch_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    photograph(NAMES[0]).save(tmp_path / "one.png")
    monkeypatch.setattr(
        "sys.argv", ["train.py", "--photos", str(tmp_path), "--out", f"{tmp_path}-out"]
    )
    assert train.main() == 2
    assert "1 readable photographs: training needs 512" in capsys.readouterr().out
    assert json.loads((Path(f"{tmp_path}-out") / "photos.json").read_text()) == {}
