"""Makes edited views of a batch of photographs, on the device that trains the network.

Every picture draws its own edits: `moves` (crop, turn, mirror, perspective, bars), light and
colour, `mixes` (a collage of four pictures, a blend of two), overlays, blur, JPEG and noise.
"""

import math

import torch
import torch.nn.functional as F

from imgdedup.encoder.training import mixes
from imgdedup.encoder.training.draws import even, hit
from imgdedup.encoder.training.moves import moved
from imgdedup.encoder.training.strengths import Strength

_LUMA = (0.299, 0.587, 0.114)
# Quantisation of luma at quality 50: ITU-T T.81, table K.1.
_JPEG_STEPS = """
    16 11 10 16 24 40 51 61 12 12 14 19 26 58 60 55 14 13 16 24 40 57 69 56 14 17 22 29 51 87 80 62
    18 22 37 56 68 109 103 77 24 35 55 64 81 104 113 92 49 64 78 87 103 121 120 101
    72 92 95 98 112 100 103 99
"""


def edited(
    pictures: torch.Tensor, side: int, strength: Strength, chance: torch.Generator
) -> tuple[torch.Tensor, torch.Tensor]:
    """One view of each picture, and which pictures each view shows.

    `pictures` is (n, 3, h, w), float, 0-1. Returns views (n, 3, side, side), 0-1, and weights
    (n, n) whose rows sum to 1: the share of each picture in each view.
    """
    views = moved(pictures, side, strength, chance)
    views = _lit(views, strength, chance)
    views, blended = mixes.blends(views, strength.blend, chance)
    views, placed = mixes.collages(views, strength.collage, chance)
    views = _overlaid(views, strength.overlay, chance)
    views = _degraded(views, strength, chance)
    return views, placed @ blended


def _lit(views: torch.Tensor, strength: Strength, chance: torch.Generator) -> torch.Tensor:
    """Brightness, contrast, gamma, hue, channels, gray."""
    n = len(views)
    on = hit(n, strength.light, chance)[:, None, None, None]
    gain = torch.exp(even(n, -0.8, 0.6, chance, 1, 1, 1))
    slope = torch.exp(even(n, -0.7, 0.5, chance, 1, 1, 1))
    mean = views.mean((1, 2, 3), keepdim=True)
    lit = ((views - mean) * slope + mean) * gain
    views = torch.where(on, lit, views).clamp(0, 1)
    hue = torch.where(hit(n, strength.colour / 2, chance), even(n, -2.6, 2.6, chance), 0.0)
    channels = even(n, 0.7, 1.3, chance, 3, 1, 1)
    coloured = hit(n, strength.colour, chance)[:, None, None, None]
    views = torch.where(coloured, views * channels, views)
    views = torch.einsum("nij,njyx->niyx", _hue_turn(hue), views)
    luma = torch.einsum("c,ncyx->nyx", views.new_tensor(_LUMA), views)[:, None].expand_as(views)
    views = torch.where(hit(n, strength.gray, chance)[:, None, None, None], luma, views)
    return views.clamp(0, 1)


def _hue_turn(angle: torch.Tensor) -> torch.Tensor:
    """The matrices (n, 3, 3) that turn colours about the gray axis."""
    cos, sin = angle.cos()[:, None, None], angle.sin()[:, None, None]
    third = torch.full((3, 3), 1 / 3, device=angle.device)
    root = math.sqrt(1 / 3)
    crossing = torch.tensor([[0, -root, root], [root, 0, -root], [-root, root, 0]]).to(angle.device)
    return cos * torch.eye(3, device=angle.device) + sin * crossing + (1 - cos) * third


def _overlaid(views: torch.Tensor, share: float, chance: torch.Generator) -> torch.Tensor:
    """A plain bar, a bar with something like a line of text, or such a line alone."""
    n, side = len(views), views.shape[-1]
    line = (torch.arange(side, device=views.device) + 0.5) / side
    for _ in range(2):
        on = hit(n, share / 2, chance)[:, None, None]
        middle, tall = even(n, 0, 1, chance, 1), even(n, 0.03, 0.1, chance, 1)
        left, wide = even(n, 0, 0.6, chance, 1), even(n, 0.2, 1, chance, 1)
        rows = (line[None] - middle).abs() < tall
        columns = (line[None] > left) & (line[None] < left + wide)
        columns = columns | hit(n, 0.4, chance)[:, None]
        bar = rows[:, :, None] & columns[:, None, :] & on
        marks = torch.rand(n, 1, side, generator=chance, device=chance.device) < 0.5
        marks = marks.expand(n, side, side)
        plain, written = hit(n, 0.5, chance)[:, None, None], hit(n, 0.7, chance)[:, None, None]
        ink = even(n, 0, 1, chance, 3, 1, 1).round()
        views = torch.where((bar & plain)[:, None], 1 - ink, views)
        views = torch.where((bar & marks & (written | ~plain))[:, None], ink, views)
    return views


def _degraded(views: torch.Tensor, strength: Strength, chance: torch.Generator) -> torch.Tensor:
    """Blur, a smaller size, few levels, JPEG, noise."""
    n, side = len(views), views.shape[-1]
    blurred = hit(n, strength.blur, chance).nonzero()[:, 0]
    if len(blurred):
        smooth = F.avg_pool2d(F.pad(views[blurred], (1, 1, 1, 1), mode="reflect"), 3, 1)
        views = views.index_copy(0, blurred, smooth)
    shrunk = hit(n, strength.shrink, chance).nonzero()[:, 0]
    if len(shrunk):
        small = int(side * float(even(1, 0.3, 0.7, chance)))
        fewer = F.interpolate(views[shrunk], size=(small, small), mode="area")
        back = F.interpolate(fewer, size=(side, side), mode="bilinear", align_corners=False)
        views = views.index_copy(0, shrunk, back)
    levels = torch.where(hit(n, 0.5, chance), 4.0, 8.0)[:, None, None, None]
    few = (views * 255 / 256 * levels).floor() / levels
    views = torch.where(hit(n, strength.posterise, chance)[:, None, None, None], few, views)
    pressed = hit(n, strength.jpeg, chance).nonzero()[:, 0]
    if len(pressed):
        views = views.index_copy(0, pressed, jpeg(views[pressed], chance))
    noise = torch.randn(views.shape, generator=chance, device=chance.device) * 0.04
    return (views + noise * hit(n, strength.noise, chance)[:, None, None, None]).clamp(0, 1)


def jpeg(views: torch.Tensor, chance: torch.Generator) -> torch.Tensor:
    """Degrade views as JPEG of quality 8 to 50 does: round the cosine transform of 8 x 8 blocks.

    The sides must be multiples of 8. All channels take luma's table.
    """
    n, side = len(views), views.shape[-1]
    index = torch.arange(8, device=views.device, dtype=torch.float32)
    basis = torch.cos((2 * index[None] + 1) * index[:, None] * math.pi / 16) / 2
    basis[0] /= math.sqrt(2)
    steps = torch.tensor([float(step) for step in _JPEG_STEPS.split()]).to(views.device)
    quality = torch.exp(even(n, math.log(8), math.log(50), chance))
    steps = (steps.view(8, 8) * (50 / quality)[:, None, None] / 255)[:, None, None, None]
    blocks = views.reshape(n, 3, side // 8, 8, side // 8, 8).transpose(3, 4)
    spectrum = basis @ (blocks - 0.5) @ basis.T
    blocks = basis.T @ ((spectrum / steps).round() * steps) @ basis + 0.5
    return blocks.transpose(3, 4).reshape(n, 3, side, side).clamp(0, 1)
