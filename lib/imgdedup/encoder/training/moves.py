"""Moves the pixels of views: crop, mirror, turn, perspective, bars. All of it is one map."""

import math

import torch
import torch.nn.functional as F

from imgdedup.encoder.training.draws import even, hit
from imgdedup.encoder.training.strengths import Strength

# A share of the frame's side: a frame with such a bar on either side is 2.2 times as long as the
# picture.
_WIDEST_BAR = 0.273
# A share of either side by which a tilt moves a corner inward, at most.
_CORNER = 0.12


def moved(
    pictures: torch.Tensor, side: int, strength: Strength, chance: torch.Generator
) -> torch.Tensor:
    """Crop, mirror, turn and tilt by one map of coordinates; bars where a view has a frame."""
    n = len(pictures)
    line = (torch.arange(side, device=chance.device) + 0.5) * (2 / side) - 1
    y, x = torch.meshgrid(line, line, indexing="ij")
    points = torch.stack([x, y, torch.ones_like(x)], -1).expand(n, side, side, 3)
    across = torch.where(hit(n, 0.5, chance), 1, 0)
    bars = even(n, 0.06, _WIDEST_BAR, chance)
    frame = torch.where(hit(n, strength.letterbox, chance), 1 - 2 * bars, 1)
    sides = torch.where(
        torch.stack([across == 0, across == 1], -1), frame[:, None], 1.0
    )  # the part of the view's width and height that is picture
    width, height = _crops(n, strength, chance)
    angle = torch.where(hit(n, 0.15, chance), even(n, -0.2, 0.2, chance), 0.0)
    quarters = torch.randint(1, 4, (n,), generator=chance, device=chance.device)
    angle = angle + torch.where(hit(n, strength.turn, chance), quarters * (math.pi / 2), 0.0)
    flip = torch.where(hit(n, strength.mirror, chance), -1.0, 1.0)
    cos, sin = angle.cos(), angle.sin()
    shift = even(n, -1, 1, chance, 2) * (1 - torch.stack([width, height], -1))
    zero, one = torch.zeros_like(cos), torch.ones_like(cos)
    rows = [
        torch.stack([width * cos * flip, -width * sin, shift[:, 0]], -1),
        torch.stack([height * sin * flip, height * cos, shift[:, 1]], -1),
        torch.stack([zero, zero, one], -1),
    ]
    maps = torch.stack(rows, 1) @ _tilts(n, strength.perspective, chance)
    inner = points[..., :2] / sides[:, None, None]
    framed = torch.cat([inner, points[..., 2:]], -1)
    mapped = torch.einsum("nij,nyxj->nyxi", maps, framed)
    grid = mapped[..., :2] / mapped[..., 2:].clamp(min=0.3)
    views = _sampled(pictures, grid, width * height)
    outside = (inner.abs() > 1).any(-1)[:, None]
    ground = (even(n, 0, 2, chance) > 1).float()[:, None, None, None]
    return torch.where(outside, ground, views)


def _tilts(n: int, share: float, chance: torch.Generator) -> torch.Tensor:
    """Projective maps (n, 3, 3) of the square -1..1: some move each corner inward, others none."""
    corners = torch.tensor([[-1.0, -1], [1, -1], [1, 1], [-1, 1]], device=chance.device)
    inward = even(n, 0, 2 * _CORNER, chance, 4, 2) * hit(n, share, chance)[:, None, None]
    x, y = corners.T
    u, v = (corners * (1 - inward)).unbind(-1)
    zero, one = torch.zeros_like(u), torch.ones_like(u)
    x, y = x.expand(n, 4), y.expand(n, 4)
    # Eight equations in the map's first eight numbers; the ninth is 1.
    across = torch.stack([x, y, one, zero, zero, zero, -u * x, -u * y], -1)
    down = torch.stack([zero, zero, zero, x, y, one, -v * x, -v * y], -1)
    numbers = torch.linalg.solve(torch.cat([across, down], 1), torch.cat([u, v], 1))
    return torch.cat([numbers, torch.ones(n, 1, device=chance.device)], 1).view(n, 3, 3)


def _crops(
    n: int, strength: Strength, chance: torch.Generator
) -> tuple[torch.Tensor, torch.Tensor]:
    """The shares of width and height that views keep, (n,) each."""
    large, small = even(n, 1 / 3, 1, chance), even(n, strength.least_area, 1 / 3, chance)
    area = torch.where(hit(n, strength.small_crop, chance), small, large)
    area = area.clamp(min=strength.least_area)
    ratio = torch.exp(even(n, -0.22, 0.22, chance))
    width = (area * ratio).sqrt().clamp(max=1)
    height = (area / width).clamp(max=1)
    cropped = hit(n, strength.crop, chance)
    return torch.where(cropped, width, 1.0), torch.where(cropped, height, 1.0)


def _sampled(pictures: torch.Tensor, grid: torch.Tensor, area: torch.Tensor) -> torch.Tensor:
    """Sample at the grid; from pictures of half the size where that loses nothing."""
    halved = F.avg_pool2d(pictures, 2)
    coarse = area.sqrt() * pictures.shape[-1] > 1.5 * grid.shape[1]
    views = F.grid_sample(pictures, grid, padding_mode="reflection", align_corners=False)
    if bool(coarse.any()):
        views[coarse] = F.grid_sample(
            halved[coarse], grid[coarse], padding_mode="reflection", align_corners=False
        )
    return views
