"""Does the steps of a training, measures them, and keeps checkpoints to go on from."""

import json
import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn
from torchvision.models import resnet50

from imgdedup.encoder import weights
from imgdedup.encoder.network import PowerMean, resnet50_with
from imgdedup.encoder.parameters import IMAGENET_MEAN, IMAGENET_STD
from imgdedup.encoder.training import objective, strengths, views
from imgdedup.encoder.training.batches import drawn, in_batches, pictures
from imgdedup.encoder.training.heldout import nearest_copy_recall
from imgdedup.encoder.training.recipe import SCRATCH, Recipe
from imgdedup.encoder.training.teacher import Teacher
from imgdedup.errors import UserError

_FORMAT = 2
_WIDTH = 2048  # values of ResNet-50
_HEAD = 256  # dimensions of the vectors that the loss compares; the head is not kept
# Added to the means of squares in training: a root has no finite slope at zero. Half of the means
# of `builtin` are above 0.15, and none of its vectors turns by more than a cosine of 0.9999.
_LEAST = 1e-6


class Training:
    """A network in training, with everything that it needs to go on after an interruption.

    `teacher` is what `recipe.teacher` names.
    """

    def __init__(
        self, recipe: Recipe, device: torch.device, compiled: bool, teacher: Teacher | None = None
    ) -> None:
        torch.manual_seed(recipe.seed)
        self.recipe, self.device, self._teacher = recipe, device, teacher
        self.network = network_of(recipe.start).to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._read = PowerMean(recipe.pooling, recipe.root)
        if recipe.pooled:
            self.network.avgpool = PowerMean(recipe.pooling, recipe.root, _LEAST)
        self.head = _head(teacher).to(device)
        for part in recipe.kept:
            self.network.get_submodule(part).requires_grad_(False)
        self._train()
        parameters = [*self.network.parameters(), *self.head.parameters()]
        self._optimiser = torch.optim.AdamW(parameters, lr=recipe.rate, weight_decay=recipe.decay)
        self._forward = torch.compile(self.network) if compiled else self.network
        scale = torch.tensor([IMAGENET_MEAN, IMAGENET_STD], device=device)
        self._mean, self._std = scale.view(2, 1, 3, 1, 1)
        self.step = 0
        self.history: list[dict[str, float]] = []

    def advance(self, squares: np.ndarray) -> float:
        """Do one step on photographs (n, s, s, 3) uint8; return the loss."""
        recipe = self.recipe
        for group in self._optimiser.param_groups:
            group["lr"] = recipe.rate_at(self.step)
        batch = pictures(
            squares[drawn(len(squares), recipe.batch, recipe.seed, self.step)], self.device
        )
        chance = torch.Generator(self.device).manual_seed(recipe.seed * 1_000_003 + self.step)
        side = recipe.side(self.step)
        one, _ = views.edited(batch, side, strengths.MILD, chance)
        other, shares = views.edited(batch, side, strengths.STRONG, chance)
        loss = self._loss(torch.cat([one, other]), shares)
        self._optimiser.zero_grad(set_to_none=True)
        loss.backward()
        self._optimiser.step()
        self.step += 1
        return loss.item()

    def _loss(self, seen: torch.Tensor, shares: torch.Tensor) -> torch.Tensor:
        """The loss of mild and strong views (2n, 3, side, side); strong ones show `shares`."""
        with self._bf16():
            features = self._forward(self._normalised(seen))
        vectors = F.normalize(self.head(features.float()), dim=1)
        if self._teacher is not None:
            return objective.distance(vectors, self._teacher(seen))
        first, second = vectors.chunk(2)
        loss = objective.contrastive(first, second, shares, self.recipe.temperature)
        crowding = (objective.crowding(first) + objective.crowding(second)) / 2
        return loss + self.recipe.entropy * crowding

    def measure(self, copied: np.ndarray, others: np.ndarray, side: int) -> dict[str, float]:
        """Measure the recall of the present network on held-out photographs; see `heldout`."""
        return nearest_copy_recall(self._embed, copied, others, side)

    def vectors(self, squares: np.ndarray, side: int) -> torch.Tensor:
        """The unit vectors (n, 2048) that the present network gives squares (n, s, s, 3) uint8."""
        size = (side, side)
        found = [
            self._embed(F.interpolate(batch, size=size, mode="bilinear", antialias=True))
            for batch in in_batches(squares)
        ]
        return F.normalize(torch.cat(found), dim=1)

    def save(self, path: Path) -> None:
        """Write a checkpoint, in one piece or not at all."""
        unfinished = path.with_suffix(".tmp")
        state = {
            "format": _FORMAT,
            "architecture": "resnet50",
            "recipe": asdict(self.recipe),
            "step": self.step,
            "history": self.history,
            "network": self.network.state_dict(),
            "head": self.head.state_dict(),
            "optimiser": self._optimiser.state_dict(),
        }
        torch.save(state, unfinished)
        unfinished.replace(path)

    def resume(self, path: Path) -> None:
        """Go on from a checkpoint.

        Raises UserError when the checkpoint has another recipe. Only the `views` may differ.
        """
        state = _read_checkpoint(path)
        mine = json.loads(json.dumps(asdict(self.recipe)))
        theirs = json.loads(json.dumps(state["recipe"]))
        differing = [name for name in mine if name != "views" and mine[name] != theirs.get(name)]
        if differing:
            raise UserError(
                f"the checkpoint {path} was made with another {', '.join(differing)}: use the same "
                "to go on, or another OUT to start again"
            )
        try:
            self.network.load_state_dict(state["network"])
            self.head.load_state_dict(state["head"])
            self._optimiser.load_state_dict(state["optimiser"])
        except (RuntimeError, ValueError) as error:
            reason = str(error).splitlines()[0]
            raise UserError(f"the checkpoint {path} is of another network: {reason}") from None
        self.step, self.history = state["step"], state["history"]

    def _embed(self, batch: torch.Tensor) -> torch.Tensor:
        self.network.eval()
        learning, self.network.avgpool = self.network.avgpool, self._read
        try:
            with torch.inference_mode(), self._bf16():
                found = self.network(self._normalised(batch.to(self.device)))
        finally:
            self.network.avgpool = learning
            self._train()
        return found.float().cpu()

    def _train(self) -> None:
        """Let batch norms count again, except those of the kept parts."""
        self.network.train()
        for part in self.recipe.kept:
            self.network.get_submodule(part).eval()

    def _normalised(self, pixels: torch.Tensor) -> torch.Tensor:
        return ((pixels - self._mean) / self._std).contiguous(memory_format=torch.channels_last)

    @contextmanager
    def _bf16(self) -> Iterator[None]:
        with torch.autocast(self.device.type, dtype=torch.bfloat16):
            yield


def run(
    training: Training,
    squares: np.ndarray,
    heldout: int,
    checkpoint: Path,
    tell: Callable[[str], None],
    minutes_between: float = 4.0,
) -> None:
    """Train to the end of the recipe, with a checkpoint and a measurement every few minutes.

    The training does not see the last `heldout` of the photographs. The history counts the minutes
    of all runs, but not the minutes of measuring. Whatever stops the training, it leaves a
    checkpoint.
    """
    recipe = training.recipe
    own, copied = squares[: len(squares) - heldout], squares[len(squares) - heldout :]
    others = own[:2000]
    before = training.history[-1]["minutes"] if training.history else 0.0
    started, first, last = time.monotonic(), training.step, time.monotonic()
    try:
        while training.step < recipe.steps:
            loss = training.advance(own)
            if not math.isfinite(loss):
                raise UserError("the loss is no number any more: start with a smaller rate")
            now = time.monotonic()
            done = training.step == recipe.steps
            if done or now - last > 60 * minutes_between or training.step == first + 20:
                minutes = (now - started) / 60
                pace = (training.step - first) / minutes
                found = training.measure(copied, others, recipe.side(recipe.steps))
                training.history.append(
                    {"views": training.step * 2 * recipe.batch, "minutes": before + minutes}
                    | {"loss": loss}
                    | found
                )
                tell(_progress(training, loss, found, pace))
                training.save(checkpoint)
                last = time.monotonic()
                started += last - now
    except BaseException:
        training.save(checkpoint)
        raise


def _progress(training: Training, loss: float, found: dict[str, float], pace: float) -> str:
    recipe = training.recipe
    left = (recipe.steps - training.step) / pace
    recall = ", ".join(f"{name} {value:.3f}" for name, value in found.items())
    return (
        f"train: {training.step / recipe.steps:.0%}, {training.step * 2 * recipe.batch:,} views, "
        f"{pace * 2 * recipe.batch / 60:.0f} a second at {recipe.side(training.step - 1)} px, "
        f"loss {loss:.3f}, held-out recall {recall}; {left:.0f} min left at this pace"
    )


def _head(teacher: Teacher | None) -> nn.Module:
    """What lies between the network's values and the vectors that the loss compares."""
    if teacher is None:
        return nn.Linear(_WIDTH, _HEAD)
    if teacher.dims == _WIDTH:
        return nn.Identity()
    return nn.Linear(_WIDTH, teacher.dims)


def network_of(start: str) -> nn.Module:
    """The network to train, with the plain mean, as `Recipe.start` says."""
    if start == SCRATCH:
        network = resnet50(zero_init_residual=True)
        network.fc = nn.Identity()
        return network
    loaded = weights.load(start)
    if loaded.state is None:
        raise UserError(f"{start} is TorchScript: training starts from a state_dict or scratch")
    network = resnet50_with(loaded)
    network.avgpool = nn.AdaptiveAvgPool2d(1)
    return network


def _read_checkpoint(path: Path) -> dict[str, Any]:
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
        if state["format"] == _FORMAT and state["architecture"] == "resnet50":
            return dict(state)
        reason = "of another format or network"
    except Exception as error:  # foreign bytes make torch and pickle raise errors of any type
        reason = f"not a checkpoint ({type(error).__name__})"
    raise UserError(f"{path} is {reason}: choose another OUT, or remove it to start again")
