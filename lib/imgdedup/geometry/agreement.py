"""Whether two aligned pictures agree, not on the whole but everywhere.

Different objects in one pose share silhouette and background, and so most of their correlation. A
copy has no place where it disagrees that its edit does not explain. So the pictures are correlated
within small windows, which no change of brightness or contrast touches, and what counts is how the
worst of them do.
"""

from dataclasses import dataclass, replace

import cv2
import numpy as np

from imgdedup.geometry.alignment import scale_of

_SMOOTHED = 1.2  # pixels, standard deviation: evens out what recompression and resampling leave
_RIM = 7  # pixels: twice that reach on either side, and one
_WINDOW_SHARE, _WINDOW = 0.066, (7, 21)  # of the long side; pixels
_STRIDE = 2  # windows overlap: every second one each way tells as much
_LEAST_SHOWN = 0.4  # of a window, for it to count
_DARKEST, _BRIGHTEST, _MOST_CLIPPED = 6.0, 249.0, 0.3  # where an edit may have lost the texture
_TEXTURE, _LEAST_DEVIATION = 0.15, 5.0  # relative to the deviation of all that is shared; levels
_LEAST_CUT, _LEAST_SLOPE = 0.01, 0.2  # of the pixels; of one picture's levels by the other's
_DISAGREES = 0.65  # correlation below which a window disagrees
_LEAST_WINDOWS = 20


@dataclass(frozen=True, eq=False)
class Shared:
    """The part two pictures share, in the frame of the coarser one.

    `fine` and `coarse` are luma, float32, (height, width); `shown` tells, bool, where both are.
    `swapped` says that the coarse one is the left one.
    """

    fine: np.ndarray
    coarse: np.ndarray
    shown: np.ndarray
    swapped: bool
    overlap: float  # share of the smaller picture that the other one shows, too

    def thinned(self) -> "Shared":
        """Every second pixel each way: enough for what is said of the tones."""
        thin = (slice(None, None, _STRIDE),) * 2
        return replace(self, fine=self.fine[thin], coarse=self.coarse[thin], shown=self.shown[thin])


@dataclass(frozen=True, eq=False)
class Agreement:
    """How the windows of a shared part that have texture correlate.

    `typical`, `worst` and `least` are the median, the tenth and the first percentile; `disagreeing`
    is the share of windows that do not correlate, and `doubtful` marks these, bool, in the raster
    of a thinned `Shared`.
    """

    typical: float
    worst: float
    least: float
    disagreeing: float
    doubtful: np.ndarray

    @property
    def correlation(self) -> float:
        """The weighted mean of `typical` and `worst`.

        Noise lowers both a little, another object the worst by far.
        """
        return (4 * self.typical + self.worst) / 5


def share(left: np.ndarray, right: np.ndarray, matrix: np.ndarray) -> Shared | None:
    """Lay two pictures (luma, uint8) over each other by a map (3, 3) of left pixels to right ones.

    None when they share next to nothing.
    """
    height, width = left.shape
    scale = scale_of(matrix, ((width - 1) / 2, (height - 1) / 2))
    swapped = scale > 1
    fine, coarse = (right, left) if swapped else (left, right)
    if swapped:
        matrix, scale = np.linalg.inv(matrix), 1 / scale
        matrix = matrix / matrix[2, 2]
    if scale < 0.85:  # what the coarser picture cannot show must not alias into the comparison
        softened = cv2.GaussianBlur(fine, (0, 0), 0.5 * np.sqrt(scale**-2 - 1))
    else:
        softened = fine
    size = coarse.shape[::-1]
    laid = cv2.warpPerspective(softened, matrix, size, borderMode=cv2.BORDER_REPLICATE)
    covered = cv2.warpPerspective(np.full_like(fine, 255), matrix, size, flags=cv2.INTER_NEAREST)
    # What lies beside the shared part, like a bar, must not bleed into it when it is smoothed.
    rim = np.ones((_RIM, _RIM), np.uint8)
    shown = cv2.erode(covered, rim, borderType=cv2.BORDER_CONSTANT, borderValue=255) > 0
    if not shown.any():
        return None
    smaller = min(coarse.size, fine.size * scale**2)
    overlap = min(1.0, float((covered > 0).sum()) / smaller)
    return Shared(laid.astype(np.float32), coarse.astype(np.float32), shown, swapped, overlap)


def agreement(shared: Shared) -> Agreement | None:
    """Correlate the windows of a shared part; None when too few of them have texture."""
    shown = shared.shown.astype(np.float32)
    fine, coarse = _equally_clipped(shared)
    a = cv2.GaussianBlur(fine, (0, 0), _SMOOTHED)
    b = cv2.GaussianBlur(coarse, (0, 0), _SMOOTHED)
    # Where both are black or white nothing was cut off: that is ink, or paper.
    clipped = ((a < _DARKEST) != (b < _DARKEST)) | ((a > _BRIGHTEST) != (b > _BRIGHTEST))
    side = int(np.clip(round(_WINDOW_SHARE * max(a.shape)), *_WINDOW)) | 1

    def mean(values: np.ndarray) -> np.ndarray:
        boxed = cv2.boxFilter(values, -1, (side, side), borderType=cv2.BORDER_CONSTANT)
        return np.asarray(boxed)[::_STRIDE, ::_STRIDE]

    count = np.maximum(mean(shown), 1e-6)
    a_shown, b_shown = a * shown, b * shown
    a_mean, b_mean = mean(a_shown) / count, mean(b_shown) / count
    a_variance = np.maximum(mean(a_shown * a) / count - a_mean**2, 0)
    b_variance = np.maximum(mean(b_shown * b) / count - b_mean**2, 0)
    covariance = mean(a_shown * b) / count - a_mean * b_mean
    usable = shared.shown[::_STRIDE, ::_STRIDE] & (count > _LEAST_SHOWN)
    usable &= mean(clipped * shown) / count < _MOST_CLIPPED
    # In units of each picture's own deviation, where contrast and brightness play no part.
    a_spread, b_spread = (max(float(x[shared.shown].std()), 1e-3) for x in (a, b))
    texture = np.maximum(np.sqrt(a_variance) / a_spread, np.sqrt(b_variance) / b_spread)
    # What the paler picture could not show above its noise says nothing.
    strong = texture * min(a_spread, b_spread) > _LEAST_DEVIATION
    telling = usable & strong & (texture > _TEXTURE)
    windows = int(telling.sum())
    if windows < _LEAST_WINDOWS:
        return None
    spread = np.sqrt(np.maximum(a_variance, 0.5) * np.maximum(b_variance, 0.5))
    correlation = covariance / spread
    least, worst, typical = np.percentile(correlation[telling], (1, 10, 50))
    disagrees = telling & (correlation < _DISAGREES)
    return Agreement(
        typical=float(typical),
        worst=float(worst),
        least=float(least),
        disagreeing=float(disagrees.sum() / windows),
        doubtful=disagrees,
    )


def line(x: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    """Slope and offset of the straight line closest to the points, by least squares."""
    slope = float(np.mean((x - x.mean()) * (y - y.mean())) / max(float(x.var()), 1e-6))
    return slope, float(y.mean()) - slope * float(x.mean())


def _equally_clipped(shared: Shared) -> tuple[np.ndarray, np.ndarray]:
    """Both pictures, each without the texture that brightening cut off to white in the other.

    Where one is white, levels of the other above the one that has become white are set to it.
    Lower ones stay: no brightening made them white.
    """
    fine, coarse = shared.fine, shared.coarse
    white = fine > _BRIGHTEST, coarse > _BRIGHTEST
    only = [(one & ~other & shared.shown).mean() for one, other in (white, white[::-1])]
    if max(only) < _LEAST_CUT:
        return fine, coarse
    thin = shared.thinned()
    clear = thin.shown & (np.maximum(thin.fine, thin.coarse) <= _BRIGHTEST)
    if clear.sum() < _LEAST_WINDOWS:
        return fine, coarse
    slope, offset = line(thin.fine[clear], thin.coarse[clear])
    if slope <= _LEAST_SLOPE:
        return fine, coarse
    if only[0] < only[1]:
        return np.where(white[1], np.minimum(fine, (255 - offset) / slope), fine), coarse
    return fine, np.where(white[0], np.minimum(coarse, 255 * slope + offset), coarse)
