"""Parts of a picture: shapes, soft edges, and what is laid on what.

A mask is the opacity of a part: float32, (height, width), 0 to 1.
"""

import cv2
import numpy as np
from numpy.random import Generator

_WORKING_SIDE = 96  # pixels at which a part is told from its ground
_SHARES = (0.25, 0.9)  # of a box that a sensible segment covers


def ellipse(height: int, width: int) -> np.ndarray:
    """The mask of the largest ellipse in a box, its edge hard."""
    y = (np.arange(height) + 0.5) / height * 2 - 1
    x = (np.arange(width) + 0.5) / width * 2 - 1
    return (y[:, None] ** 2 + x[None, :] ** 2 <= 1).astype(np.float32)


def segment(part: np.ndarray, rng: Generator) -> np.ndarray | None:
    """The mask of what stands in the middle of a part (uint8, (h, w, 3)), its edge hard.

    None when the part has no such thing. The method is GrabCut: Rother, Kolmogorov and Blake,
    SIGGRAPH 2004.
    """
    height, width = part.shape[:2]
    scale = min(1.0, _WORKING_SIDE / max(height, width))
    size = max(8, round(width * scale)), max(8, round(height * scale))
    small = cv2.resize(part, size, interpolation=cv2.INTER_AREA)
    labels = np.zeros(small.shape[:2], np.uint8)
    edge = max(1, size[0] // 12), max(1, size[1] // 12)
    box = (edge[0], edge[1], size[0] - 2 * edge[0], size[1] - 2 * edge[1])
    cv2.setRNGSeed(int(rng.integers(1 << 30)))
    try:
        cv2.grabCut(
            small, labels, box, np.zeros((1, 65)), np.zeros((1, 65)), 2, cv2.GC_INIT_WITH_RECT
        )
    except cv2.error:  # a part of one tone has nothing to tell apart
        return None
    mask = np.isin(labels, (cv2.GC_FGD, cv2.GC_PR_FGD)).astype(np.uint8)
    count, pieces, stats, _ = cv2.connectedComponentsWithStats(mask)
    if count < 2:
        return None
    largest = 1 + int(np.argmax(stats[1:, cv2.CC_STAT_AREA]))
    share = stats[largest, cv2.CC_STAT_AREA] / mask.size
    if not _SHARES[0] <= share <= _SHARES[1]:
        return None
    found = (pieces == largest).astype(np.float32)
    found = cv2.resize(found, (width, height), interpolation=cv2.INTER_LINEAR)
    return (found >= 0.5).astype(np.float32)


def softened(mask: np.ndarray, radius: float) -> np.ndarray:
    """The mask with an edge blurred by a Gaussian, `radius` being its deviation in pixels."""
    wide = cv2.copyMakeBorder(mask, 3, 3, 3, 3, cv2.BORDER_CONSTANT, value=0)
    soft = cv2.GaussianBlur(wide, (0, 0), radius)
    return np.asarray(soft[3:-3, 3:-3], dtype=np.float32)


def blended(
    ground: np.ndarray, part: np.ndarray, mask: np.ndarray, top: int = 0, left: int = 0
) -> np.ndarray:
    """Lay a part (uint8, (h, w, 3)) with its mask on a picture, its corner at `top` and `left`."""
    height, width = mask.shape
    result = ground.copy()
    below = ground[top : top + height, left : left + width].astype(np.float32)
    opacity = mask[:, :, None]
    mixed = below * (1 - opacity) + part.astype(np.float32) * opacity
    result[top : top + height, left : left + width] = np.rint(mixed).astype(np.uint8)
    return result


def region(
    picture: np.ndarray, rng: Generator, areas: tuple[float, float], soft: float
) -> np.ndarray:
    """The mask, as large as the picture, of a part of it that covers a share drawn from `areas`.

    The part is what stands in a box if there is such a thing, else an ellipse. `soft` is the
    deviation of the blur of its edge, in pixels.
    """
    height, width = picture.shape[:2]
    area, ratio = rng.uniform(*areas), np.exp(rng.uniform(np.log(0.7), np.log(1.4)))
    across = min(0.95, np.sqrt(4 / np.pi * area * ratio))
    down = min(0.95, np.sqrt(4 / np.pi * area / ratio))
    box_width, box_height = max(8, round(across * width)), max(8, round(down * height))
    left = int(rng.integers(width - box_width + 1))
    top = int(rng.integers(height - box_height + 1))
    part = picture[top : top + box_height, left : left + box_width]
    found = segment(part, rng) if rng.random() < 0.5 else None
    found = ellipse(box_height, box_width) if found is None else found
    mask = np.zeros((height, width), np.float32)
    mask[top : top + box_height, left : left + box_width] = found
    return softened(mask, soft)
