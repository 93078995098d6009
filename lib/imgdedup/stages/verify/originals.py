"""Compares the original files of two contents that their thumbnails show to be copies."""

from dataclasses import dataclass
from itertools import product

import cv2
import numpy as np

from imgdedup.config import VerifyConfig
from imgdedup.failures import ImageFailure
from imgdedup.geometry.look import Look, look
from imgdedup.geometry.plain import tells
from imgdedup.geometry.policy import may_be_copies
from imgdedup.geometry.registration import Size, to_originals
from imgdedup.images.originals import Frame, frames_of, original_of
from imgdedup.images.pixels import BLACK, WHITE

_OTHER_FRAMES = _NO_EVIDENCE = Look(False, 0.0, drawn=False)
_ONE_COLOUR = 3  # levels by which an encoding may change the colour of a plain picture


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
    found at the first frames that differ, or else at the first frames. Pictures without texture are
    the same only when both are flat at their full depth, and of one colour. Raises ImageFailure
    when a file cannot be decoded, or has more frames than are compared.
    """
    cv2.setNumThreads(1)
    originals = original_of(left.data, max_pixels), original_of(right.data, max_pixels)
    frames = originals[0].frames, originals[1].frames
    if max(frames) > config.look_frames:
        raise ImageFailure("too_large", f"{max(frames):,} frames, which are too many to compare")
    if not may_be_copies(*frames, config):
        return _OTHER_FRAMES
    found = _compare_files(left, right, matrix, config, max_pixels, min(frames))
    return found if found is not None else _NO_EVIDENCE


def _compare_files(
    left: Content,
    right: Content,
    matrix: np.ndarray,
    config: VerifyConfig,
    max_pixels: int,
    most: int,
) -> Look | None:
    """Compare the first `most` frames of two files; None when none of them tells anything."""
    first, told = None, False
    files = (
        frames_of(content.data, config.look_size, most, max_pixels) for content in (left, right)
    )
    for one, other in zip(*files, strict=True):
        sizes = _size_of(one), _size_of(other)
        there = to_originals(matrix, (left.thumbnail, right.thumbnail), sizes)
        found, tells_some = _compare_frames(one, other, there, config)
        if not found.same:
            return found
        if not tells_some and not (one.is_empty and other.is_empty):
            if not _are_one_colour(one, other):
                return _NO_EVIDENCE
            tells_some = True
        told = told or tells_some
        first = first or found
    return first if told else None


def _compare_frames(
    one: Frame, other: Frame, matrix: np.ndarray, config: VerifyConfig
) -> tuple[Look, bool]:
    """What was found on two frames, and whether they show something to compare.

    Two transparent frames must agree on each ground on which one of them shows: what is white tells
    nothing on white. A frame without transparency lay on one ground, and nothing tells on which.
    """
    needs_all = one.has_alpha and other.has_alpha
    if needs_all:
        shows = sorted({*one.grounds, *other.grounds})
        grounds = [(ground, ground) for ground in shows]
    else:
        grounds = list(product(one.grounds, other.grounds))
    looks = []
    for ground, beside in grounds:
        pictures = one.on(ground), other.on(beside)
        found = look(*pictures, matrix, config)
        looks.append((found, found.same and tells(*pictures, matrix)))
        if needs_all and not found.same:
            return looks[-1]
    told = next((each for each in looks if each[1]), None)
    return told or next((each for each in looks if each[0].same), looks[0])


def _are_one_colour(one: Frame, other: Frame) -> bool:
    """Whether two frames that show nothing are plain, and of one colour."""
    if not (one.is_flat and other.is_flat) or one.is_empty or other.is_empty:
        return False
    apart = [
        np.abs(one.on(ground)[0, 0].astype(int) - other.on(ground)[0, 0]).max()
        for ground in (WHITE, BLACK)
    ]
    return bool((max if one.has_alpha == other.has_alpha else min)(apart) <= _ONE_COLOUR)


def _size_of(frame: Frame) -> Size:
    height, width = frame.looks[WHITE].shape[:2]
    return width, height
