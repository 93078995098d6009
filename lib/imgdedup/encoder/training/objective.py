"""The losses of training: copies that are not nearest, vectors that crowd, a teacher's distance."""

import torch
import torch.nn.functional as F


def contrastive(
    one: torch.Tensor, other: torch.Tensor, shares: torch.Tensor, temperature: float
) -> torch.Tensor:
    """The mean cross-entropy of finding the view of the same picture in the whole batch.

    `one` and `other` are unit vectors (n, d). `shares` (n, n) tells how much of each picture of
    `one` the views of `other` show. A view of several pictures must be near to each of them (Pizzi
    et al. 2022, section 4.3).
    """
    logits = one @ other.T / temperature
    forth = F.cross_entropy(logits.T, shares)
    back = shares.T / shares.sum(0)[:, None].clamp(min=1e-6)
    return (forth + F.cross_entropy(logits, back)) / 2


def crowding(vectors: torch.Tensor) -> torch.Tensor:
    """Minus the mean log distance to the nearest neighbour: small when vectors spread evenly.

    This is the differential entropy estimator of Kozachenko and Leonenko, as in Sablayrolles et al.
    2019, "Spreading vectors for similarity search". `vectors` are unit vectors (n, d).
    """
    near = (vectors @ vectors.T).fill_diagonal_(-2).amax(1)
    return -(2 - 2 * near).clamp(min=1e-4).sqrt().log().mean()


def distance(vectors: torch.Tensor, taught: torch.Tensor) -> torch.Tensor:
    """The mean cosine distance of vectors (n, d) from the teacher's, of equal views.

    The mean of the batch is taken off both, as the projection takes it off before it compares.
    Otherwise what all vectors have in common would rule the loss.
    """
    return 1 - F.cosine_similarity(vectors - vectors.mean(0), taught - taught.mean(0)).mean()
