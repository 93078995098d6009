"""Tells a thing in another colour from something that lies on one of two pictures.

A thing in another colour has the same light and shade, or else the same outline and the same edges.
What lies on one picture has its outline there only.

Pictures are float32, (height, width, 3), levels in [0, 255], softened and thinned alike.
"""

import cv2
import numpy as np

_LUMA = np.array([0.299, 0.587, 0.114], np.float32)
_LEAST = 50  # pixels: fewer tell no shade
_SPOT, _FLAT_SPOT, _OUTLINED = 0.003, 0.03, 0.006  # of the shown pixels
_OUTLINE = np.ones((7, 7), np.uint8)  # of a spot: it is there whatever lies in the spot
_FLAT, _SAME_SHADE = 2.0, 0.8  # deviation of luma, levels; correlation of light and shade
_EDGE, _BESIDE = 10.0, np.ones((3, 3), np.uint8)  # step in CIELAB; pixels across which it counts
_CLOSED, _SAME_EDGES = 0.9, 0.75  # shares of the rim, and of the edges, that both pictures have
_PLAIN = 0.2  # share of edges in a plain spot


def has_painted_spot(changed: np.ndarray, one: np.ndarray, other: np.ndarray, area: float) -> bool:
    """Whether the same thing, but for its colour, is in a large spot of `changed`, uint8.

    Of flat spots only larger ones count, since a letter is flat, too. A small one counts if it has
    its outline in both pictures. `area` is that of the pictures, in pixels.
    """
    count, labels = cv2.connectedComponents(changed)
    sizes = np.bincount(labels.ravel(), minlength=count)
    sizes[0] = 0  # what has not changed
    large = np.flatnonzero(sizes >= _SPOT * area)
    if not len(large):
        return False
    edges = _edges(one), _edges(other)
    for label in large:
        spot = (labels == label).astype(np.uint8)
        inner = cv2.erode(spot, _OUTLINE)
        inside = (inner if inner.sum() >= _LEAST else spot) > 0
        x, y = one[inside] @ _LUMA, other[inside] @ _LUMA
        is_flat = max(x.std(), y.std()) < _FLAT
        if sizes[label] >= _FLAT_SPOT * area if is_flat else have_same_shade(x, y):
            return True
        if sizes[label] >= _OUTLINED * area and _is_plain_thing(edges, spot, inner):
            return True
    return False


def have_same_shade(x: np.ndarray, y: np.ndarray) -> bool:
    """Whether light and shade go together in the luma of the same pixels, (n,) each."""
    together = float(np.mean((x - x.mean()) * (y - y.mean())))
    return together >= _SAME_SHADE * max(float(x.std() * y.std()), 1e-6)


def _edges(picture: np.ndarray) -> np.ndarray:
    """The pixels, uint8, across which the colour or the light changes."""
    lab = cv2.cvtColor(picture / np.float32(255), cv2.COLOR_RGB2LAB)
    steps = cv2.morphologyEx(lab, cv2.MORPH_GRADIENT, _BESIDE)
    return (steps.max(axis=2) > _EDGE).astype(np.uint8)


def _is_plain_thing(
    edges: tuple[np.ndarray, np.ndarray], spot: np.ndarray, inner: np.ndarray
) -> bool:
    """Whether a spot is plain inside, has an outline in both pictures, and the same edges near it.

    Where edges are everywhere, they are no outline.
    """
    if inner.sum() < _LEAST or max(each[inner > 0].mean() for each in edges) > _PLAIN:
        return False
    rim = cv2.dilate(spot, _BESIDE) > cv2.erode(spot, _BESIDE)
    if min(each[rim].mean() for each in edges) < _CLOSED:
        return False
    near = cv2.dilate(spot, _OUTLINE) > 0
    one, other = (each[near] for each in edges)
    return bool((one & other).sum() >= _SAME_EDGES * (one | other).sum())
