"""Measures how well edited copies are found, of photographs that training never saw."""

from collections.abc import Callable

import numpy as np
import torch
import torch.nn.functional as F

from imgdedup.encoder.training import strengths, views
from imgdedup.encoder.training.batches import in_batches
from imgdedup.space.learning import learn_axes
from imgdedup.space.projection import unit

_SEED = 20_260_101
_DIMS = 256  # of the projection
Embed = Callable[[torch.Tensor], torch.Tensor]  # (n, 3, side, side), 0-1, to (n, dims)


def nearest_copy_recall(
    embed: Embed, copied: np.ndarray, others: np.ndarray, side: int
) -> dict[str, float]:
    """The shares of edited copies whose photograph is the nearest, and among the ten nearest.

    Each of `copied` gets one mild and one strong copy, the same ones each time. The copies are
    looked up among `copied` and `others`, squares (n, s, s, 3) uint8. They are compared by cosine
    in the projection that `fit` learns of these photographs.
    """
    originals = [
        embed(F.interpolate(batch, size=(side, side), mode="bilinear", antialias=True))
        for squares in (copied, others)
        for batch in in_batches(squares)
    ]
    held = torch.cat(originals).numpy()
    space = learn_axes(unit(held).astype(np.float32), _DIMS)
    stored = space.project(held)
    found: dict[str, float] = {}
    for name, strength in (
        ("mild", strengths.MILD),
        ("strong", strengths.STRONG._replace(collage=0.0, blend=0.0)),
    ):
        chance = torch.Generator().manual_seed(_SEED)
        edited = [views.edited(batch, side, strength, chance)[0] for batch in in_batches(copied)]
        near = space.project(torch.cat([embed(batch) for batch in edited]).numpy()) @ stored.T
        better = (near > near.diagonal()[:, None]).sum(1)
        found |= {f"{name}@{k}": float((better < k).mean()) for k in (1, 10)}
    return found
