"""The loss: small for copies that are nearest, for spread vectors, and for collages between."""

import torch
import torch.nn.functional as F

from imgdedup.encoder.training.objective import contrastive, crowding, distance


def unit(count: int, seed: int) -> torch.Tensor:
    return F.normalize(torch.randn(count, 16, generator=torch.Generator().manual_seed(seed)), dim=1)


def test_copies_that_are_nearest_cost_less_than_copies_that_are_not() -> None:
    one, own = unit(32, 1), torch.eye(32)
    near = F.normalize(one + 0.1 * unit(32, 2), dim=1)
    assert contrastive(one, near, own, 0.1) < 0.5
    assert contrastive(one, near.roll(1, 0), own, 0.1) > 5


def test_a_view_of_four_pictures_shall_be_near_to_each() -> None:
    one = unit(32, 1)
    shares = torch.eye(32)
    shares[0] = 0
    shares[0, :4] = 0.25
    between = one.clone()
    between[0] = F.normalize(one[:4].sum(0), dim=0)
    assert contrastive(one, between, shares, 0.1) < contrastive(one, one, shares, 0.1)
    assert contrastive(one, between, torch.eye(32), 0.1) > contrastive(one, one, torch.eye(32), 0.1)


def test_crowding_is_less_where_vectors_are_further_apart() -> None:
    spread = torch.eye(16)
    close = F.normalize(spread + 3, dim=1)
    assert crowding(spread) < crowding(close)
    assert crowding(torch.ones(4, 16) / 4).isfinite()


def test_the_distance_from_a_teacher_does_not_count_what_all_vectors_share() -> None:
    taught, other = unit(32, 1), unit(32, 2)
    shared = 5 * unit(1, 3)
    assert distance(taught + shared, taught) < 1e-5
    assert distance(other + shared, taught + shared) > 0.7
