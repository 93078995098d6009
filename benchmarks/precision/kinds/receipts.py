"""Receipts as a phone takes them: on a table, in perspective, with shade, blur and noise."""

import math
from functools import partial

import cv2
import numpy as np
from numpy.random import Generator
from PIL import Image, ImageOps

from benchmarks.precision.kinds.layouts import receipt, with_other_total
from benchmarks.precision.kinds.pairs import DOCUMENTS, OWN, Kind, Pair, Sources, two_jpegs
from benchmarks.precision.kinds.text import any_face, noisy

_FRAME = (1200, 1600)  # pixels, width and height
_MOVED = 0.02  # of a side: how far a corner moves when the camera moves slightly


def photographed(
    paper: Image.Image, table: Image.Image, corners: np.ndarray, light: float, rng: Generator
) -> Image.Image:
    """A paper on a table top; `corners`, float32, (4, 2), are its corners in the frame in pixels.

    `light` in radians is the direction in which the light fades. The noise comes from `rng`.
    """
    width, height = _FRAME
    ground = np.asarray(ImageOps.fit(table, _FRAME))
    of_paper = np.array(
        [(0, 0), (paper.width, 0), (paper.width, paper.height), (0, paper.height)], np.float32
    )
    matrix = cv2.getPerspectiveTransform(of_paper, corners.astype(np.float32))
    laid = cv2.warpPerspective(np.asarray(paper), matrix, _FRAME, flags=cv2.INTER_AREA)
    whole = np.full((paper.height, paper.width), 1, np.float32)
    mask = cv2.warpPerspective(whole, matrix, _FRAME)[:, :, None]
    scene = ground * (1 - mask) + laid * mask
    across = np.linspace(-0.5, 0.5, width, dtype=np.float32) * math.cos(light)
    down = np.linspace(-0.5, 0.5, height, dtype=np.float32) * math.sin(light)
    shade = 0.82 + 0.28 * (across[None, :, None] + down[:, None, None])
    blurred = cv2.GaussianBlur(scene * shade, (0, 0), 0.9)
    return Image.fromarray(noisy(blurred, rng, 4.0))


def pose(paper: Image.Image, rng: Generator) -> np.ndarray:
    """The corners of a paper that lies in the frame, float32, (4, 2), pixels."""
    width, height = _FRAME
    scale = min(0.8 * width / paper.width, 0.85 * height / paper.height) * rng.uniform(0.85, 1)
    half = np.array([paper.width, paper.height]) * scale / 2
    flat = np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)]) * half
    angle = rng.uniform(-0.12, 0.12)
    turn = np.array([(np.cos(angle), np.sin(angle)), (-np.sin(angle), np.cos(angle))])
    tilt = rng.uniform(-0.06, 0.06, (4, 2)) * half
    return np.asarray(flat @ turn + tilt + (width / 2, height / 2), dtype=np.float32)


def pair(sources: Sources, rng: Generator, moved: bool) -> Pair:
    """Two photographs of receipts with other totals; when `moved`, the camera moves slightly."""
    layout, face = receipt(rng), any_face(rng)
    other = with_other_total(layout, rng)
    papers = layout.drawn(face), other.drawn(face)
    corners, light = pose(papers[0], rng), rng.uniform(0, 2 * np.pi)
    again = corners + rng.uniform(-_MOVED, _MOVED, (4, 2)) * _FRAME if moved else corners
    left = photographed(papers[0], sources.photo, corners, light, rng)
    right = photographed(papers[1], sources.photo, again, light, rng)
    return two_jpegs(left, right, rng)


def one(sources: Sources, rng: Generator) -> Image.Image:
    """One photographed receipt."""
    paper = receipt(rng).drawn(any_face(rng))
    return photographed(paper, sources.photo, pose(paper, rng), rng.uniform(0, 6), rng)


KINDS = tuple(
    Kind(
        f"photographed receipt, {what}",
        partial(pair, moved=moved),
        base=OWN,
        every=2,
        aim=DOCUMENTS,
    )
    for what, moved in (("same pose", False), ("other pose", True))
)
