"""Draws for a batch of pictures, on the device of the generator."""

import torch


def hit(count: int, share: float, chance: torch.Generator) -> torch.Tensor:
    """Which of `count` pictures get an edit: bool (count,)."""
    return torch.rand(count, generator=chance, device=chance.device) < share


def even(count: int, low: float, high: float, chance: torch.Generator, *shape: int) -> torch.Tensor:
    """Amounts drawn evenly: float (count, *shape)."""
    drawn = torch.rand(count, *shape, generator=chance, device=chance.device)
    return low + (high - low) * drawn
