"""Compares the original files of two contents that their thumbnails show to be copies."""

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np

from imgdedup.config import VerifyConfig
from imgdedup.failures import ImageFailure
from imgdedup.geometry.look import Look, look
from imgdedup.geometry.policy import may_be_copies
from imgdedup.geometry.registration import Size, to_originals
from imgdedup.images.originals import Original, frames_of, original_of

_OTHER_FRAMES = Look(False, 0.0, drawn=False)


@dataclass(frozen=True, eq=False)
class Content:
    """A file, `data`, and the width and height of its thumbnail."""

    data: bytes
    thumbnail: Size


def compare_originals(
    left: Content, right: Content, matrix: np.ndarray, config: VerifyConfig, max_pixels: int
) -> Look:
    """Compare all frames of two files.

    `matrix`, (3, 3), takes pixels of the left thumbnail to those of the right one. Gives what was
    found at the first frames that differ, or else at the first frames. Raises ImageFailure when a
    file cannot be decoded, or has more frames than are compared.
    """
    cv2.setNumThreads(1)
    originals = original_of(left.data, max_pixels), original_of(right.data, max_pixels)
    frames = originals[0].frames, originals[1].frames
    if max(frames) > config.look_frames:
        raise ImageFailure("too_large", f"{max(frames):,} frames, which are too many to compare")
    if not may_be_copies(*frames, config):
        return _OTHER_FRAMES
    first, needs_all = None, _need_all(*originals)
    for grounds in _grounds(*originals):
        found = _on_grounds(left, right, matrix, config, max_pixels, grounds, min(frames))
        if found.same != needs_all:
            return found
        first = first or found
    assert first is not None
    return first


def _need_all(left: Original, right: Original) -> bool:
    """Whether two files must agree on each of their grounds: what is white tells nothing on white.

    A file without transparency lay on one ground, and nothing tells on which.
    """
    return left.has_alpha and right.has_alpha


def _grounds(left: Original, right: Original) -> Iterator[tuple[int, int]]:
    if _need_all(left, right):
        yield from ((ground, ground) for ground in left.grounds)
    else:
        yield from ((one, other) for one in left.grounds for other in right.grounds)


def _on_grounds(
    left: Content,
    right: Content,
    matrix: np.ndarray,
    config: VerifyConfig,
    max_pixels: int,
    grounds: tuple[int, int],
    most: int,
) -> Look:
    size, first = config.look_size, None
    one, other = (
        frames_of(content.data, size, most, max_pixels, ground)
        for content, ground in zip((left, right), grounds, strict=True)
    )
    for pictures in zip(one, other, strict=True):
        sizes = tuple((picture.shape[1], picture.shape[0]) for picture in pictures)
        there = to_originals(matrix, (left.thumbnail, right.thumbnail), (sizes[0], sizes[1]))
        found = look(*pictures, there, config)
        if not found.same:
            return found
        first = first or found
    assert first is not None
    return first
