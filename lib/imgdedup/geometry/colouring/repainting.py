"""Tells whether one thing in a picture has another colour, and the rest has kept its colours.

Such pictures show a sofa in blue and in red, or two flags. An edit of the colours would change the
whole picture. So the edit of the whole picture is estimated first. It changes brightness, contrast
and saturation, and turns no hue. What it explains has kept its colours. A spot that it does not
explain was repainted. A turned hue leaves nothing that was coloured as it was, so it is none.

A colour is a and b of CIELAB, and chroma its distance from gray.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np

from imgdedup.geometry.agreement import Shared
from imgdedup.geometry.colouring.laid import Laid
from imgdedup.geometry.colouring.painted import has_painted_spot, have_same_shade

_LUMA = np.array([0.299, 0.587, 0.114], np.float32)
_ENOUGH, _LEAST = 3000, 50  # pixels: as many tell the edit as all do; fewer tell nothing
_ROUNDS, _RIDGE = 6, 1e-4  # of the fit; share of the squares that keeps it near no change
_LEAST_GAIN, _SATURATIONS = 0.3, (0.7, 1.5)  # beyond, a turned hue may pass for a change of tones
_BETTER = 1.02  # times the pixels that a further term of an edit must explain
_FAR, _NEAR = 14.0, 6.0  # distance between colours that differ, and that are the same
_CHROMA = 8.0  # from which a pixel has a colour that a turned hue would change
_OWN = 0.5  # of its chroma: a colour that moved less has kept its hue
_OPENED = np.ones((3, 3), np.uint8)
_STAYED, _STAYED_ALONE = 0.5, 0.3  # coloured pixels that stayed, relative to those that changed
_MOST, _QUIET = 0.9, 4.0  # of the rest; distance of its colours: strong compression makes more
_AROUND = np.ones((5, 5), np.uint8)  # a spot is blurred
_GRAY, _COLOURED = 6.0, 15.0  # chroma of gray things, and of painted ones
_LEAST_GRAY, _LEAST_PAINTED, _MOVED = 0.35, 0.02, 25.0  # shares of the pixels; levels
_PALE, _TINTED, _KEPT = 3.0, 5.0, 0.004  # chroma; share of the pixels that kept their colours
_LEAST_OFF = 10.0  # levels from the mean: a ground nearer to it tells nothing about contrast


@dataclass(frozen=True, eq=False)
class _Change:
    """What an edit of the whole picture leaves unexplained.

    `apart`, float32, (height, width), is the distance of the colours after the edit. `telling`,
    bool, marks the pixels of which the edit has cut nothing off.
    """

    apart: np.ndarray
    telling: np.ndarray
    is_none: bool  # no edit at all explains as much


def is_repainted(laid: Laid, shared: Shared) -> bool:
    """Whether one thing has another colour in two pictures that agree in light and dark.

    `shared` is what their map lets them share.
    """
    left, right = laid.left, laid.right
    if left.is_gray and right.is_gray:
        return False
    shown = shared.thinned().shown
    fine, coarse = laid.softened
    if left.is_gray or right.is_gray:
        fine_is_gray = right.is_gray if shared.swapped else left.is_gray
        gray, coloured = (fine, coarse) if fine_is_gray else (coarse, fine)
        return _has_other_shade(coloured, gray, shown)
    colours = _colour(fine), _colour(coarse)
    if not _changed(_chroma(colours[0] - colours[1]), shown).any():
        return False
    lumas = fine @ _LUMA, coarse @ _LUMA
    if any(_has_lost_paint(colours[::way], lumas[::way], shown) for way in (1, -1)):
        return True
    change = _change(fine, coarse, shown, shown & laid.whole)
    if change is None:
        return False
    changed = _changed(change.apart, change.telling)
    rest = shown & (cv2.dilate(changed, _AROUND) == 0)
    if not rest.any() or np.quantile(change.apart[rest], _MOST) > _QUIET:
        return False
    if not has_painted_spot(changed, fine, coarse, float(shown.sum())):
        return False
    chroma = np.minimum(*(_chroma(each) for each in colours))
    kept = change.apart < np.minimum(_NEAR, _OWN * chroma)
    stayed = _solid(kept & (chroma >= _CHROMA) & shown)
    least = _STAYED_ALONE if change.is_none else _STAYED
    return bool(stayed.sum() >= least * changed.sum())


def _changed(apart: np.ndarray, shown: np.ndarray) -> np.ndarray:
    """The pixels, uint8, whose colours are far apart."""
    return _solid((apart > _FAR) & shown)


def _solid(marked: np.ndarray) -> np.ndarray:
    """The marked pixels, uint8, without thin edges."""
    return np.asarray(cv2.morphologyEx(marked.astype(np.uint8), cv2.MORPH_OPEN, _OPENED))


def _change(
    fine: np.ndarray, coarse: np.ndarray, shown: np.ndarray, whole: np.ndarray
) -> _Change | None:
    """The edit that explains most of the shown pixels; None when it may have turned hues.

    `whole`, bool, marks the pixels that no edit has cut off.
    """
    seen = whole if whole.sum() >= _LEAST else shown
    every = 1 + int(seen.sum()) // _ENOUGH
    x, y = fine[seen][::every], coarse[seen][::every]
    colours = _colour(fine), _colour(coarse)
    best, most = None, 0.0
    for terms, (there, back) in enumerate(_edits(x, y)):
        if not (_keeps_hues(there) and _keeps_hues(back)):
            continue
        # Both ways: what was cut off in one picture follows only from the other.
        forth = _chroma(_colour(_edited(fine, there)) - colours[1])
        apart = np.minimum(forth, _chroma(_colour(_edited(coarse, back)) - colours[0]))
        explained = float(((apart < _QUIET) & shown).sum())
        if best is None or explained > _BETTER * most:
            telling = shown if terms == 0 else whole
            best, most = _Change(apart, telling, is_none=terms == 0), explained
    return best


def _edits(x: np.ndarray, y: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield edits of colours `x` to `y`, (n, 3) each, and back: none, a gain, and with all terms.

    An edit, (3,), has the factors of a channel, of the luma, and of 1: the level of each channel is
    the sum. So contrast, brightness and saturation change, and no hue turns.
    """
    none = np.array([1.0, 0.0, 0.0])
    yield none, none
    for terms in (1, 3):
        yield _fitted(x, y, terms), _fitted(y, x, terms)


def _fitted(x: np.ndarray, y: np.ndarray, terms: int) -> np.ndarray:
    """The edit, (3,), of the first `terms` factors that most pixels follow, by least squares."""
    luma = np.repeat((x @ _LUMA)[:, None], 3, axis=1)
    known = np.stack([x, luma, np.ones_like(x)], axis=2)[:, :, :terms].astype(np.float64)
    kept = np.ones(len(x), bool)
    for _ in range(_ROUNDS):
        rows, wanted = known[kept].reshape(-1, terms), y[kept].reshape(-1)
        square = rows.T @ rows
        ridge = _RIDGE * max(np.trace(square), 1.0) * np.array([1.0, 1.0, 0.0])[:terms]
        towards = ridge * np.array([1.0, 0.0, 0.0])[:terms]
        rule = np.linalg.solve(square + np.diag(ridge), rows.T @ wanted + towards)
        missed = np.abs(known @ rule - y).max(axis=1)
        kept = missed <= np.median(missed)
    return np.pad(rule, (0, 3 - terms))


def _keeps_hues(edit: np.ndarray) -> bool:
    gain, from_luma, _ = edit
    least, most = _SATURATIONS
    whole = gain + from_luma
    return bool(gain >= _LEAST_GAIN and least * whole <= gain <= most * whole)


def _edited(picture: np.ndarray, edit: np.ndarray) -> np.ndarray:
    """A picture, float32, (height, width, 3), after an edit; levels are cut off at 0 and 255."""
    gain, from_luma, offset = (np.float32(factor) for factor in edit)
    luma = (picture @ _LUMA)[:, :, None]
    return np.asarray(np.clip(gain * picture + from_luma * luma + offset, 0, 255))


def _has_other_shade(coloured: np.ndarray, gray: np.ndarray, shown: np.ndarray) -> bool:
    """Whether a painted thing is lighter or darker in the picture without colour.

    Then it has another colour there: black instead of red. Its ground must be gray, and tells how
    light and dark have changed between the pictures.
    """
    chroma, area = _chroma(_colour(coloured)), float(shown.sum())
    ground = shown & (chroma < _GRAY)
    painted = shown & (_solid(chroma > _COLOURED) > 0)
    if ground.sum() < _LEAST_GRAY * area or painted.sum() < _LEAST_PAINTED * area:
        return False
    x, y = coloured @ _LUMA, gray @ _LUMA
    before, after = float(np.median(x[ground])), float(np.median(y[ground]))
    gain, mean = after / max(before, 1.0), float(x[shown].mean())
    changes = [(gain, 0.0), (1.0, after - before)]
    if abs(before - mean) > _LEAST_OFF:  # contrast, which leaves the mean as it was
        contrast = (after - mean) / (before - mean)
        changes.append((contrast, mean - contrast * mean))
    moved = [abs(float(np.median((y - a * x - b)[painted]))) for a, b in changes]
    return min(moved) > _MOVED


def _has_lost_paint(
    colours: tuple[np.ndarray, ...], lumas: tuple[np.ndarray, ...], shown: np.ndarray
) -> bool:
    """Whether a painted thing in the first picture is gray in the second, whose other colours stay.

    An edit that draws all colours to gray keeps none. The ground is gray in both, so the colours
    are those of a product. Its light and shade are the same, so nothing lies on it.
    """
    (chroma, rest), area = (_chroma(each) for each in colours), float(shown.sum())
    painted = shown & (_solid(chroma > _COLOURED) > 0)
    ground = shown & (chroma < _GRAY) & (rest < _GRAY)
    if painted.sum() < _LEAST_PAINTED * area or ground.sum() < _LEAST_GRAY * area:
        return False
    along = (colours[0] * colours[1]).sum(axis=2)
    kept = shown & (chroma > _TINTED) & (rest > _TINTED) & (along > _OWN * chroma**2)
    if np.median(rest[painted]) > _PALE or _solid(kept).sum() < _KEPT * area:
        return False
    return have_same_shade(*(luma[painted] for luma in lumas))


def _colour(picture: np.ndarray) -> np.ndarray:
    """The colours, float32, (height, width, 2), of a picture with levels in [0, 255]."""
    return np.asarray(cv2.cvtColor(picture / np.float32(255), cv2.COLOR_RGB2LAB))[..., 1:]


def _chroma(colours: np.ndarray) -> np.ndarray:
    return np.asarray(np.hypot(colours[..., 0], colours[..., 1]))
