"""Trains a descriptor from photographs, in a folder. `make train` runs this."""

import json
import os
import platform
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import torch

from imgdedup.config import EmbedConfig
from imgdedup.console import say
from imgdedup.encoder import quantized
from imgdedup.encoder.training import card, trainer
from imgdedup.encoder.training.photos import SIDE, Packed, Read, pack
from imgdedup.encoder.training.recipe import SCRATCH, Recipe
from imgdedup.encoder.training.teacher import Teacher
from imgdedup.encoder.training.trainer import Training
from imgdedup.errors import UserError

DESCRIPTOR = "descriptor.safetensors"
# Pixels. Pictures larger than in training are told apart better (Touvron et al. 2019, "Fixing the
# train-test resolution discrepancy").
INPUT_SIZE = 128
LAST_SIDE = 96  # pixels of the views in the last part
_FIRST_PART, _FIRST_SIDE = 0.85, 64  # the share of the views before it, and their side in pixels
_HELD_OUT = 0.1  # of the photographs, 1,000 at most


def train(
    photos: Iterable[Read],
    out: Path,
    config: EmbedConfig,
    *,
    views: int,
    start: str,
    batch: int,
    seed: int,
    teacher: str = "",
    last_side: int = LAST_SIDE,
) -> Path:
    """Train, or go on with the training in `out`; return the path of the descriptor.

    `config` bounds what is decoded. With a `teacher` (as `embed.weights`), the training imitates
    its vectors. The last part of the training has views of `last_side` pixels.

    Raises UserError when there are too few photographs, a side does not do, the teacher cannot be
    used, or `out` holds another training.
    """
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    master = Teacher(teacher, device) if teacher else None
    recipe = Recipe(views, start, batch, _sides(last_side), seed=seed)
    if master:
        recipe = replace(recipe, teacher=master.name, teacher_digest=master.digest)
    out.mkdir(parents=True, exist_ok=True)
    packed = _pack_photos(photos, out, config, seed)
    heldout = min(1000, int(len(packed.squares) * _HELD_OUT))
    least = 2 * recipe.batch
    if len(packed.squares) - heldout < least:
        raise UserError(
            f"there are {len(packed.squares):,} readable photographs: training needs {least} "
            "besides those held out for measuring; give a folder with more"
        )
    training = Training(recipe, device, _can_compile(device), master)
    checkpoint = out / "checkpoint.pt"
    if checkpoint.exists():
        training.resume(checkpoint)
        say(f"train: going on after {training.step * 2 * recipe.batch:,} views")
    say(
        f"train: {len(packed.squares) - heldout:,} photographs, {heldout:,} held out, "
        f"{recipe.views:,} views, from {recipe.start}, on {device.type}"
        + (f", imitating {master.name} at {master.side} px" if master else "")
    )
    trainer.run(training, packed.squares, heldout, checkpoint, say)
    return _export(training, packed, heldout, out)


def _sides(last: int) -> tuple[tuple[float, int], ...]:
    """The sides of the views in turn; UserError where the last one does not do."""
    if last % 8 or not _FIRST_SIDE <= last <= SIDE:  # JPEG has blocks of 8 pixels
        raise UserError(
            f"views of {last} pixels cannot be made: give a multiple of 8 from {_FIRST_SIDE} to "
            f"{SIDE} (the photographs are packed as squares of {SIDE} pixels)"
        )
    return ((_FIRST_PART, _FIRST_SIDE), (1 - _FIRST_PART, last))


def write_untrained(path: Path) -> Path:
    """Write the descriptor that training from scratch starts with, to compare others with."""
    torch.manual_seed(1)
    state = trainer.network_of(SCRATCH).state_dict()
    quantized.save(path, _arrays(state), {"input_size": str(INPUT_SIZE)})
    return path


def _pack_photos(photos: Iterable[Read], out: Path, config: EmbedConfig, seed: int) -> Packed:
    """Pack the photographs into the folder in an order drawn by `seed`, unless they are there."""
    path, log = out / "photos.npy", out / "photos.json"
    if log.exists():
        return Packed(np.load(path, mmap_mode="r"), json.loads(log.read_text()))
    say("train: reading the photographs")
    shuffled = list(photos)
    np.random.default_rng(seed).shuffle(shuffled)
    packed = pack(shuffled, path, config, os.cpu_count() or 1)
    log.write_text(json.dumps(packed.failures))
    if packed.failures:
        reasons = ", ".join(f"{count:,} {reason}" for reason, count in packed.failures.items())
        say(f"train: left out unreadable photographs: {reasons}")
    return packed


def _export(training: Training, packed: Packed, heldout: int, out: Path) -> Path:
    """Write the descriptor as int8, measure the cost of int8, and write the model card."""
    recipe = training.recipe
    state = {name: value.cpu() for name, value in training.network.state_dict().items()}
    split = len(packed.squares) - heldout
    copied, others = packed.squares[split:], packed.squares[:split][:2000]
    full = training.measure(copied, others, INPUT_SIZE)
    whole = training.vectors(copied, INPUT_SIZE)
    path = out / DESCRIPTOR
    date = f"{datetime.now(UTC):%Y-%m-%d}"
    metadata = {
        "input_size": str(INPUT_SIZE),
        "pooling": str(recipe.pooling),
        "root": str(recipe.root),
        "trained": date,
    }
    quantized.save(path, _arrays(state), metadata)
    kept, _ = quantized.loads(path.read_bytes())
    training.network.load_state_dict({key: torch.from_numpy(kept[key]) for key in kept})
    stored = training.measure(copied, others, INPUT_SIZE)
    worst = float((whole * training.vectors(copied, INPUT_SIZE)).sum(1).min())
    training.network.load_state_dict(state)
    text = card.render(
        recipe,
        photographs=split,
        heldout=heldout,
        failures=packed.failures,
        device=f"{training.device.type} ({platform.machine()}), {torch.get_num_threads()} threads",
        history=training.history,
        full=full,
        stored=stored,
        worst_cosine=worst,
        input_size=INPUT_SIZE,
        date=date,
    )
    (out / "model-card.md").write_text(text)
    say(f"train: done; the descriptor is {path}, and model-card.md beside it has its figures")
    return path


def _arrays(state: Mapping[str, torch.Tensor]) -> dict[str, np.ndarray]:
    return {name: tensor.numpy() for name, tensor in state.items()}


def _can_compile(device: torch.device) -> bool:
    """Whether torch.compile works here: it needs a C++ compiler, and on a GPU more."""
    try:
        torch.compile(lambda values: (values + 1).relu())(torch.ones(64, device=device))
    except Exception as error:  # the parts of torch raise errors of any type
        reason = str(error).strip().partition("\n")[0]
        say(f"train: without torch.compile, which fails here and would be faster ({reason})")
        return False
    return True
