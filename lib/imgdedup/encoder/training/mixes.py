"""Views that show several pictures of a batch: collages and blends."""

import torch
import torch.nn.functional as F

from imgdedup.encoder.training.draws import even, hit


def collages(
    views: torch.Tensor, share: float, chance: torch.Generator
) -> tuple[torch.Tensor, torch.Tensor]:
    """Some views become one cell of a grid of two by two, beside three others."""
    n, side = len(views), views.shape[-1]
    shares = torch.eye(n, device=views.device)
    chosen = hit(n, share, chance).nonzero()[:, 0]
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


def blends(
    views: torch.Tensor, share: float, chance: torch.Generator
) -> tuple[torch.Tensor, torch.Tensor]:
    """Some views are mixed with one other: half of them see-through, half by a window.

    See-through is mixup (Zhang et al. 2018, "mixup: Beyond Empirical Risk Minimization"), a window
    is CutMix (Yun et al. 2019, "CutMix: Regularization Strategy to Train Strong Classifiers with
    Localizable Features"). Each of the two pictures has 0.3 to 0.7 of the view. Returns the views
    (n, 3, side, side) and the shares (n, n) of each picture.
    """
    n, side = len(views), views.shape[-1]
    shares = torch.eye(n, device=views.device)
    chosen = hit(n, share, chance)
    if n < 2 or not bool(chosen.any()):
        return views, shares
    order = torch.randperm(n, generator=chance, device=chance.device)
    other = torch.empty_like(order)
    other[order] = order.roll(-1)  # no view is its own other
    own = even(n, 0.3, 0.7, chance)
    edge = (1 - own).sqrt()[:, None]  # of the window, as a share of the side
    line = (torch.arange(side, device=views.device) + 0.5)[None] / side
    left, top = (even(n, 0, 1, chance, 1) * (1 - edge) for _ in range(2))
    columns, rows = ((line >= near) & (line < near + edge) for near in (left, top))
    window = 1 - (rows[:, :, None] & columns[:, None, :]).float()
    through = hit(n, 0.5, chance)[:, None, None]
    kept = torch.where(through, own[:, None, None].expand_as(window), window)
    kept = torch.where(chosen[:, None, None], kept, 1.0)
    weight = kept.mean((1, 2))
    shares = shares * weight[:, None]
    shares[torch.arange(n, device=other.device), other] += 1 - weight
    return views * kept[:, None] + views[other] * (1 - kept[:, None]), shares
