"""Compares the original files of two contents that their thumbnails show to be copies."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product
from math import ceil, sqrt

import cv2
import numpy as np

from imgdedup.config import VerifyConfig
from imgdedup.errors import ImageFailure
from imgdedup.geometry.drawings.hidden_ink import hides_ink, level_behind
from imgdedup.geometry.look import Look, look, may_be_shrunk, same_strokes
from imgdedup.geometry.plain import tells
from imgdedup.geometry.policy import may_be_copies
from imgdedup.geometry.registration import Size, of_pixels
from imgdedup.images.originals import Frame, count_frames, frames_of
from imgdedup.images.pixels import BLACK, WHITE

_OTHER_FRAMES = _NO_EVIDENCE = _NO_GROUND = Look(False, 0.0, drawn=False)
_LIKE_GROUND = 8  # levels by which a ground may differ from white or black
_ONE_COLOUR = 3  # levels by which an encoding may change the colour of a plain picture


def compare_originals(
    left: bytes, right: bytes, frame_map: np.ndarray, config: VerifyConfig, max_pixels: int
) -> Look:
    """Compare all frames of two files.

    `frame_map`, (3, 3), takes shares of the left frame's sides to those of the right one's, as
    `registration.of_frames` gives it. Gives what was found at the first frames that differ, or else
    at the first frames. Pictures without texture are the same only when both are flat at their full
    depth, and of one colour. Raises ImageFailure when a file cannot be decoded, or has more frames
    than are compared.
    """
    cv2.setNumThreads(1)
    frames = count_frames(left, max_pixels), count_frames(right, max_pixels)
    if max(frames) > config.look_frames:
        raise ImageFailure("too_large", f"{max(frames):,} frames, which are too many to compare")
    if not may_be_copies(*frames, config):
        return _OTHER_FRAMES
    files = _Files((left, right), frame_map, max_pixels, min(frames))
    found, closer = _compare_files(files, config)
    if not found.same or closer is None:
        return found
    if _agree_closely(files, closer, config.look_size_graphic):
        return found
    return replace(found, same=False)


@dataclass(frozen=True, eq=False)
class _Files:
    """Two files, the map of their frames, and how many of their frames are compared."""

    contents: tuple[bytes, bytes]
    frame_map: np.ndarray
    max_pixels: int
    most: int

    def frames(self, sizes: Sequence[int]) -> Iterator[tuple[Frame, Frame, np.ndarray]]:
        """Yield the frames of both, the long sides at most `sizes`, and the map between them."""
        one, other = (
            frames_of(content, size, self.most, self.max_pixels)
            for content, size in zip(self.contents, sizes, strict=True)
        )
        for first, second in zip(one, other, strict=True):
            yield first, second, of_pixels(self.frame_map, _size_of(first), _size_of(second))


def _compare_files(files: _Files, config: VerifyConfig) -> tuple[Look, tuple[Size, Size] | None]:
    """What was found on all frames, and their sizes where strokes are still to be compared."""
    first, told, closer = None, False, None
    for one, other, there in files.frames((config.look_size, config.look_size)):
        found, tells_some = _compare_frames(one, other, there, config)
        if not found.same:
            return found, None
        if not tells_some and not (one.is_empty and other.is_empty):
            if not _are_one_colour(one, other):
                return _NO_EVIDENCE, None
            tells_some = True
        told = told or tells_some
        first = first or found
        if found.graphic and may_be_shrunk(one.looks[WHITE], other.looks[WHITE], config):
            closer = _size_of(one), _size_of(other)
    return (first, closer) if first is not None and told else (_NO_EVIDENCE, None)


def _compare_frames(
    one: Frame, other: Frame, matrix: np.ndarray, config: VerifyConfig
) -> tuple[Look, bool]:
    """What was found on two frames, and whether they show something to compare."""
    looks: list[tuple[Look, bool]] = []
    needs_all, pairs = _on_grounds(one, other, matrix)
    for pictures in pairs:
        found = look(*pictures, matrix, config)
        looks.append((found, found.same and tells(*pictures, matrix)))
        if needs_all and not found.same:
            return looks[-1]
    told = next((each for each in looks if each[1]), None)
    first = looks[0] if looks else (_NO_GROUND, False)
    return told or next((each for each in looks if each[0].same), first)


def _on_grounds(
    one: Frame, other: Frame, matrix: np.ndarray
) -> tuple[bool, list[tuple[np.ndarray, np.ndarray]]]:
    """Whether two frames must agree on all grounds, and their pixels on each of these.

    Two transparent frames must agree on each ground on which one of them shows: what is white tells
    nothing on white. A frame without transparency lay on one ground, and nothing tells on which.
    Where that ground hides some ink of the other frame, the ink is lost, and no ground is left.
    """
    if one.has_alpha and other.has_alpha:
        shows = sorted({*one.grounds, *other.grounds})
        return True, [(one.on(ground), other.on(ground)) for ground in shows]
    left, right = one.grounds, other.grounds
    if one.has_alpha:
        left = _grounds_beside(one, other, matrix)
    elif other.has_alpha:
        right = _grounds_beside(other, one, np.linalg.inv(matrix))
    grounds = product(left, right)
    return False, [(one.on(ground), other.on(beside)) for ground, beside in grounds]


def _grounds_beside(frame: Frame, opaque: Frame, matrix: np.ndarray) -> tuple[int, ...]:
    """The grounds on which a transparent frame may be like an opaque one.

    `matrix` takes its pixels to those of the opaque frame.
    """
    white, black = frame.on(WHITE), frame.on(BLACK)
    hiding = [
        ground for ground in (WHITE, BLACK) if hides_ink(white, black, on_white=ground == WHITE)
    ]
    if not hiding:
        return frame.grounds
    level = level_behind(white, black, opaque.on(WHITE), matrix)
    behind = [ground for ground in (WHITE, BLACK) if abs(ground - level) <= _LIKE_GROUND]
    if not behind:  # a ground of another colour, on which all ink shows
        return frame.grounds
    if behind[0] in hiding:
        return ()
    return tuple(ground for ground in frame.grounds if ground not in hiding)


def _agree_closely(files: _Files, forms: tuple[Size, Size], size: int) -> bool:
    """Whether the strokes of all frames agree on as many pixels as a square of `size` has.

    `forms` are the sizes of frames of both files, as they were compared before.
    """
    sizes = [_long_side(form, size) for form in forms]
    for one, other, there in files.frames(sizes):
        needs_all, pairs = _on_grounds(one, other, there)
        agree = (same_strokes(*pictures, there) for pictures in pairs)
        if not (all(agree) if needs_all else any(agree)):
            return False
    return True


def _long_side(form: Size, size: int) -> int:
    """The long side of a picture of some form that has `size` x `size` pixels."""
    return ceil(size * sqrt(max(form) / min(form)))


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
