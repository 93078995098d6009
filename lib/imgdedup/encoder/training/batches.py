"""Draws the photographs of each training step, by the seed and the step alone."""

from collections.abc import Iterator

import numpy as np
import torch


def drawn(count: int, size: int, seed: int, step: int) -> np.ndarray:
    """The photographs of a step: the numbers of `size` different ones of `count`.

    Each epoch has an order of its own, in which every photograph comes once. So a step can be
    repeated after a restart without the steps before it.
    """
    per_epoch = count // size
    epoch, place = divmod(step, per_epoch)
    order = np.random.default_rng([seed, epoch]).permutation(count)
    return order[place * size : (place + 1) * size]


def pictures(squares: np.ndarray, device: torch.device) -> torch.Tensor:
    """Squares (n, side, side, 3) uint8 as (n, 3, side, side) float, 0-1, on the device."""
    values = torch.from_numpy(np.array(squares)).to(device)
    return values.permute(0, 3, 1, 2).float() / 255


def in_batches(squares: np.ndarray, size: int = 64) -> Iterator[torch.Tensor]:
    """All squares in turn, as `pictures` gives them, on the CPU."""
    for start in range(0, len(squares), size):
        yield pictures(squares[start : start + size], torch.device("cpu"))
