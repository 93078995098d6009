"""The views that training makes are pictures, repeatable, and tell what they show."""

import pytest
import torch

from imgdedup.encoder.training import mixes, moves, views
from imgdedup.encoder.training.strengths import MILD, STRONG, Strength

NOTHING = Strength(*[0.0] * len(Strength._fields))


def chance(seed: int = 1) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def pictures(count: int = 24, side: int = 48) -> torch.Tensor:
    """Smooth pictures, each of its own colours and shapes."""
    small = torch.rand(count, 3, 6, 6, generator=chance(7))
    return torch.nn.functional.interpolate(small, size=(side, side), mode="bicubic").clamp(0, 1)


@pytest.mark.parametrize("strength", [MILD, STRONG])
def test_views_are_pictures_of_the_side_asked_for(strength: Strength) -> None:
    made, shares = views.edited(pictures(), 32, strength, chance())
    assert made.shape == (24, 3, 32, 32)
    assert made.isfinite().all()
    assert made.min() >= 0
    assert made.max() <= 1
    assert torch.allclose(shares.sum(1), torch.ones(24))


def test_one_seed_gives_the_same_views_and_another_does_not() -> None:
    one, again, other = (
        views.edited(pictures(), 32, STRONG, chance(seed))[0] for seed in (1, 1, 2)
    )
    assert torch.equal(one, again)
    assert not torch.equal(one, other)


def test_without_an_edit_a_view_is_the_picture() -> None:
    made, shares = views.edited(pictures(side=32), 32, NOTHING._replace(least_area=1.0), chance())
    turned = (made - pictures(side=32)).abs().mean((1, 2, 3))
    assert (turned < 0.01).float().mean() > 0.7  # the others are turned a little
    assert torch.equal(shares, torch.eye(24))


def test_a_mirrored_view_is_the_mirrored_picture() -> None:
    always = NOTHING._replace(least_area=1.0, mirror=1.0)
    made, _ = views.edited(pictures(side=32), 32, always, chance())
    turned = (made - pictures(side=32).flip(-1)).abs().mean((1, 2, 3))
    assert (turned < 0.01).float().mean() > 0.7


def test_a_collage_shows_a_quarter_of_each_of_four_pictures() -> None:
    plain = torch.linspace(0, 1, 24)[:, None, None, None].expand(24, 3, 32, 32)
    always = NOTHING._replace(least_area=1.0, collage=1.0)
    made, shares = views.edited(plain, 32, always, chance())
    assert (shares > 0).sum(1).tolist() == [4] * 24
    assert shares.diagonal().tolist() == [0.25] * 24
    for view, row in zip(made, shares, strict=True):
        cells = view[0].view(2, 16, 2, 16).mean((1, 3)).flatten().sort().values
        assert torch.allclose(cells, plain[row > 0, 0, 0, 0].sort().values, atol=1e-5)


def test_a_blend_shows_two_pictures_by_their_shares() -> None:
    plain = torch.linspace(0, 1, 24)[:, None, None, None].expand(24, 3, 64, 64)
    made, shares = mixes.blends(plain, 1.0, chance())
    assert (shares > 0).sum(1).tolist() == [2] * 24
    assert (shares > 0).sum(0).tolist() == [2] * 24
    own = shares.diagonal()
    assert 0.27 < own.min() < own.max() < 0.73  # windows end between pixels
    assert torch.allclose(shares.sum(1), torch.ones(24))
    # The mean of a view is the mean of its two plain pictures, weighed by the shares.
    assert torch.allclose(made.mean((1, 2, 3)), shares @ plain[:, 0, 0, 0], atol=1e-5)
    levels = [len(view[0].unique()) for view in made]
    assert set(levels) == {1, 2}  # see-through, and with a window


def test_a_blend_in_a_collage_shows_all_its_pictures() -> None:
    always = NOTHING._replace(least_area=1.0, collage=1.0, blend=1.0)
    made, shares = views.edited(pictures(), 32, always, chance())
    assert torch.allclose(shares.sum(1), torch.ones(24))
    assert (shares > 0).sum(1).min() >= 5
    assert made.isfinite().all()


def test_a_letterbox_is_up_to_2_2_times_as_long_as_the_picture() -> None:
    always = NOTHING._replace(least_area=1.0, letterbox=1.0)
    gray = torch.full((200, 3, 64, 64), 0.5)
    made = moves.moved(gray, 64, always, chance())[:, 0]
    shown = ((made - 0.5).abs() < 0.01).float().mean((1, 2))
    assert 1 / 2.3 < shown.min() < 1 / 2.1
    assert 0.8 < shown.max() < 0.9


def test_a_tilt_moves_corners_inward_by_up_to_an_eighth() -> None:
    tilts = moves._tilts(300, 1.0, chance())
    corners = torch.tensor([[-1.0, -1, 1], [1, -1, 1], [1, 1, 1], [-1, 1, 1]])
    mapped = torch.einsum("nij,cj->nci", tilts, corners)
    inward = 1 - (mapped[..., :2] / mapped[..., 2:]) * corners[:, :2]
    assert inward.min() > -1e-4
    assert 0.23 < inward.max() <= 0.2401
    assert torch.allclose(moves._tilts(3, 0.0, chance()), torch.eye(3).expand(3, 3, 3), atol=1e-6)


def test_views_of_all_sides_have_finite_pixels() -> None:
    for side in (64, 96, 128, 144):
        made, _ = views.edited(pictures(side=144), side, STRONG, chance(side))
        assert made.shape == (24, 3, side, side)
        assert made.isfinite().all()


def test_gray_views_have_no_colour() -> None:
    made, _ = views.edited(pictures(), 32, NOTHING._replace(gray=1.0), chance())
    assert (made - made[:, :1]).abs().max() < 1e-5


def test_jpeg_keeps_a_plain_picture_and_spoils_a_fine_one() -> None:
    always = NOTHING._replace(least_area=1.0, jpeg=1.0)
    plain = torch.full((8, 3, 32, 32), 0.5)
    assert (views.edited(plain, 32, always, chance())[0] - plain).abs().max() < 1e-5
    fine = torch.rand(8, 3, 32, 32, generator=chance())
    spoilt = views.jpeg(fine, chance())
    assert 0.02 < (spoilt - fine).abs().mean() < 0.3
