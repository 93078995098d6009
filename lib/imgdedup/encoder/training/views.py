"""Makes edited views of a batch of photographs, on the device that trains the network.

Every picture draws its own edits: crop, turn, mirror and perspective (one map, so that pixels are
sampled once), bars around the picture, overlays, light and colour, blur, JPEG, noise, and a collage
of four pictures.
"""

import math
from typing import NamedTuple

import torch
import torch.nn.functional as F

_LUMA = (0.299, 0.587, 0.114)
# Quantisation of luma at quality 50: ITU-T T.81, table K.1.
_JPEG_STEPS = """
    16 11 10 16 24 40 51 61 12 12 14 19 26 58 60 55 14 13 16 24 40 57 69 56 14 17 22 29 51 87 80 62
    18 22 37 56 68 109 103 77 24 35 55 64 81 104 113 92 49 64 78 87 103 121 120 101
    72 92 95 98 112 100 103 99
"""


class Strength(NamedTuple):
    """How far views go: the least share of the area that is kept, and the chance of each edit."""

    least_area: float
    small_crop: float  # of a crop below a third of the area
    crop: float
    mirror: float
    turn: float
    perspective: float
    letterbox: float
    overlay: float
    light: float
    gray: float
    colour: float
    blur: float
    shrink: float
    jpeg: float
    posterise: float
    noise: float
    collage: float


MILD = Strength(
    least_area=0.45,
    small_crop=0.0,
    crop=0.5,
    mirror=0.1,
    turn=0.05,
    perspective=0.05,
    letterbox=0.05,
    overlay=0.05,
    light=0.5,
    gray=0.15,
    colour=0.2,
    blur=0.15,
    shrink=0.2,
    jpeg=0.15,
    posterise=0.0,
    noise=0.1,
    collage=0.0,
)
STRONG = Strength(
    least_area=0.08,
    small_crop=0.3,
    crop=0.85,
    mirror=0.3,
    turn=0.25,
    perspective=0.15,
    letterbox=0.15,
    overlay=0.25,
    light=0.7,
    gray=0.3,
    colour=0.35,
    blur=0.2,
    shrink=0.3,
    jpeg=0.25,
    posterise=0.08,
    noise=0.15,
    collage=0.12,
)


def edited(
    pictures: torch.Tensor, side: int, strength: Strength, chance: torch.Generator
) -> tuple[torch.Tensor, torch.Tensor]:
    """One view of each picture, and which pictures each view shows.

    `pictures` is (n, 3, h, w), float, 0-1. Returns views (n, 3, side, side), 0-1, and weights
    (n, n) whose rows sum to 1: the share of each picture in each view.
    """
    views = _moved(pictures, side, strength, chance)
    views = _lit(views, strength, chance)
    views, shares = _collages(views, strength.collage, chance)
    views = _overlaid(views, strength.overlay, chance)
    views = _degraded(views, strength, chance)
    return views, shares


def _hit(count: int, share: float, chance: torch.Generator) -> torch.Tensor:
    """Which of `count` pictures get an edit: bool (count,)."""
    return torch.rand(count, generator=chance, device=chance.device) < share


def _even(
    count: int, low: float, high: float, chance: torch.Generator, *shape: int
) -> torch.Tensor:
    """Amounts drawn evenly: float (count, *shape)."""
    drawn = torch.rand(count, *shape, generator=chance, device=chance.device)
    return low + (high - low) * drawn


def _moved(
    pictures: torch.Tensor, side: int, strength: Strength, chance: torch.Generator
) -> torch.Tensor:
    """Crop, mirror, turn and tilt by one map of coordinates; bars where a view has a frame."""
    n = len(pictures)
    line = (torch.arange(side, device=chance.device) + 0.5) * (2 / side) - 1
    y, x = torch.meshgrid(line, line, indexing="ij")
    points = torch.stack([x, y, torch.ones_like(x)], -1).expand(n, side, side, 3)
    across = torch.where(_hit(n, 0.5, chance), 1, 0)
    frame = torch.where(
        _hit(n, strength.letterbox, chance), 1 - 2 * _even(n, 0.06, 0.25, chance), 1
    )
    sides = torch.where(
        torch.stack([across == 0, across == 1], -1), frame[:, None], 1.0
    )  # the part of the view's width and height that is picture
    width, height = _crops(n, strength, chance)
    angle = torch.where(_hit(n, 0.15, chance), _even(n, -0.2, 0.2, chance), 0.0)
    quarters = torch.randint(1, 4, (n,), generator=chance, device=chance.device)
    angle = angle + torch.where(_hit(n, strength.turn, chance), quarters * (math.pi / 2), 0.0)
    flip = torch.where(_hit(n, strength.mirror, chance), -1.0, 1.0)
    cos, sin = angle.cos(), angle.sin()
    tilted = _hit(n, strength.perspective, chance)[:, None] * _even(n, -0.2, 0.2, chance, 2)
    shift = _even(n, -1, 1, chance, 2) * (1 - torch.stack([width, height], -1))
    zero, one = torch.zeros_like(cos), torch.ones_like(cos)
    rows = [
        torch.stack([width * cos * flip, -width * sin, shift[:, 0]], -1),
        torch.stack([height * sin * flip, height * cos, shift[:, 1]], -1),
        torch.stack([tilted[:, 0], tilted[:, 1], one + zero], -1),
    ]
    inner = points[..., :2] / sides[:, None, None]
    framed = torch.cat([inner, points[..., 2:]], -1)
    mapped = torch.einsum("nij,nyxj->nyxi", torch.stack(rows, 1), framed)
    grid = mapped[..., :2] / mapped[..., 2:].clamp(min=0.3)
    views = _sampled(pictures, grid, width * height)
    outside = (inner.abs() > 1).any(-1)[:, None]
    bars = (_even(n, 0, 2, chance) > 1).float()[:, None, None, None]
    return torch.where(outside, bars, views)


def _crops(
    n: int, strength: Strength, chance: torch.Generator
) -> tuple[torch.Tensor, torch.Tensor]:
    """The shares of width and height that views keep, (n,) each."""
    large, small = _even(n, 1 / 3, 1, chance), _even(n, strength.least_area, 1 / 3, chance)
    area = torch.where(_hit(n, strength.small_crop, chance), small, large)
    area = area.clamp(min=strength.least_area)
    ratio = torch.exp(_even(n, -0.22, 0.22, chance))
    width = (area * ratio).sqrt().clamp(max=1)
    height = (area / width).clamp(max=1)
    cropped = _hit(n, strength.crop, chance)
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


def _lit(views: torch.Tensor, strength: Strength, chance: torch.Generator) -> torch.Tensor:
    """Brightness, contrast, gamma, hue, channels, gray."""
    n = len(views)
    on = _hit(n, strength.light, chance)[:, None, None, None]
    gain = torch.exp(_even(n, -0.8, 0.6, chance, 1, 1, 1))
    slope = torch.exp(_even(n, -0.7, 0.5, chance, 1, 1, 1))
    mean = views.mean((1, 2, 3), keepdim=True)
    lit = ((views - mean) * slope + mean) * gain
    views = torch.where(on, lit, views).clamp(0, 1)
    hue = torch.where(_hit(n, strength.colour / 2, chance), _even(n, -2.6, 2.6, chance), 0.0)
    channels = _even(n, 0.7, 1.3, chance, 3, 1, 1)
    coloured = _hit(n, strength.colour, chance)[:, None, None, None]
    views = torch.where(coloured, views * channels, views)
    views = torch.einsum("nij,njyx->niyx", _hue_turn(hue), views)
    luma = torch.einsum("c,ncyx->nyx", views.new_tensor(_LUMA), views)[:, None].expand_as(views)
    views = torch.where(_hit(n, strength.gray, chance)[:, None, None, None], luma, views)
    return views.clamp(0, 1)


def _hue_turn(angle: torch.Tensor) -> torch.Tensor:
    """The matrices (n, 3, 3) that turn colours about the gray axis."""
    cos, sin = angle.cos()[:, None, None], angle.sin()[:, None, None]
    third = torch.full((3, 3), 1 / 3, device=angle.device)
    root = math.sqrt(1 / 3)
    crossing = torch.tensor([[0, -root, root], [root, 0, -root], [-root, root, 0]]).to(angle.device)
    return cos * torch.eye(3, device=angle.device) + sin * crossing + (1 - cos) * third


def _collages(
    views: torch.Tensor, share: float, chance: torch.Generator
) -> tuple[torch.Tensor, torch.Tensor]:
    """Some views become one cell of a grid of two by two, beside three others."""
    n, side = len(views), views.shape[-1]
    shares = torch.eye(n, device=views.device)
    chosen = _hit(n, share, chance).nonzero()[:, 0]
    if not len(chosen) or n < 4:
        return views, shares
    order = torch.randperm(n, generator=chance, device=chance.device)
    place = torch.empty_like(order)
    place[order] = torch.arange(n, device=order.device)
    # Each view joins the three that follow it in a random order, so that no picture comes twice.
    four = order[(place[chosen][:, None] + torch.arange(4, device=order.device)) % n]
    half = side // 2
    cells = F.interpolate(views, size=(side - half, side - half), mode="area")[four]
    turned = torch.randint(4, (len(chosen),), generator=chance, device=chance.device)
    pick = (torch.arange(4, device=order.device) + turned[:, None]) % 4
    cells = cells.gather(1, pick[:, :, None, None, None].expand_as(cells))
    grid = views[chosen].clone()
    keep = side - half
    grid[:, :, :keep, :keep], grid[:, :, :keep, half:] = cells[:, 0], cells[:, 1]
    grid[:, :, half:, :keep], grid[:, :, half:, half:] = cells[:, 2], cells[:, 3]
    views = views.index_copy(0, chosen, grid)
    shares[chosen] = 0
    shares[chosen[:, None], four] = 0.25
    return views, shares


def _overlaid(views: torch.Tensor, share: float, chance: torch.Generator) -> torch.Tensor:
    """A plain bar, a bar with something like a line of text, or such a line alone."""
    n, side = len(views), views.shape[-1]
    line = (torch.arange(side, device=views.device) + 0.5) / side
    for _ in range(2):
        on = _hit(n, share / 2, chance)[:, None, None]
        middle, tall = _even(n, 0, 1, chance, 1), _even(n, 0.03, 0.1, chance, 1)
        left, wide = _even(n, 0, 0.6, chance, 1), _even(n, 0.2, 1, chance, 1)
        rows = (line[None] - middle).abs() < tall
        columns = (line[None] > left) & (line[None] < left + wide)
        columns = columns | _hit(n, 0.4, chance)[:, None]
        bar = rows[:, :, None] & columns[:, None, :] & on
        marks = torch.rand(n, 1, side, generator=chance, device=chance.device) < 0.5
        marks = marks.expand(n, side, side)
        plain, written = _hit(n, 0.5, chance)[:, None, None], _hit(n, 0.7, chance)[:, None, None]
        ink = _even(n, 0, 1, chance, 3, 1, 1).round()
        views = torch.where((bar & plain)[:, None], 1 - ink, views)
        views = torch.where((bar & marks & (written | ~plain))[:, None], ink, views)
    return views


def _degraded(views: torch.Tensor, strength: Strength, chance: torch.Generator) -> torch.Tensor:
    """Blur, a smaller size, few levels, JPEG, noise."""
    n, side = len(views), views.shape[-1]
    blurred = _hit(n, strength.blur, chance).nonzero()[:, 0]
    if len(blurred):
        smooth = F.avg_pool2d(F.pad(views[blurred], (1, 1, 1, 1), mode="reflect"), 3, 1)
        views = views.index_copy(0, blurred, smooth)
    shrunk = _hit(n, strength.shrink, chance).nonzero()[:, 0]
    if len(shrunk):
        small = int(side * float(_even(1, 0.3, 0.7, chance)))
        fewer = F.interpolate(views[shrunk], size=(small, small), mode="area")
        back = F.interpolate(fewer, size=(side, side), mode="bilinear", align_corners=False)
        views = views.index_copy(0, shrunk, back)
    levels = torch.where(_hit(n, 0.5, chance), 4.0, 8.0)[:, None, None, None]
    few = (views * 255 / 256 * levels).floor() / levels
    views = torch.where(_hit(n, strength.posterise, chance)[:, None, None, None], few, views)
    pressed = _hit(n, strength.jpeg, chance).nonzero()[:, 0]
    if len(pressed):
        views = views.index_copy(0, pressed, jpeg(views[pressed], chance))
    noise = torch.randn(views.shape, generator=chance, device=chance.device) * 0.04
    return (views + noise * _hit(n, strength.noise, chance)[:, None, None, None]).clamp(0, 1)


def jpeg(views: torch.Tensor, chance: torch.Generator) -> torch.Tensor:
    """Degrade views as JPEG of quality 8 to 50 does: round the cosine transform of 8 x 8 blocks.

    The sides must be multiples of 8. All channels take luma's table.
    """
    n, side = len(views), views.shape[-1]
    index = torch.arange(8, device=views.device, dtype=torch.float32)
    basis = torch.cos((2 * index[None] + 1) * index[:, None] * math.pi / 16) / 2
    basis[0] /= math.sqrt(2)
    steps = torch.tensor([float(step) for step in _JPEG_STEPS.split()]).to(views.device)
    quality = torch.exp(_even(n, math.log(8), math.log(50), chance))
    steps = (steps.view(8, 8) * (50 / quality)[:, None, None] / 255)[:, None, None, None]
    blocks = views.reshape(n, 3, side // 8, 8, side // 8, 8).transpose(3, 4)
    spectrum = basis @ (blocks - 0.5) @ basis.T
    blocks = basis.T @ ((spectrum / steps).round() * steps) @ basis + 0.5
    return blocks.transpose(3, 4).reshape(n, 3, side, side).clamp(0, 1)
