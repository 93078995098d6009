"""Measures whether two aligned pictures agree everywhere, and not only on the whole.

Different objects in one pose share their silhouette and background, and so most of their
correlation. A copy disagrees only at places that its edit explains. So the pictures are correlated
within small windows, and the worst windows count. A change of brightness or contrast does not
change the correlation of a window.
"""

from dataclasses import dataclass, replace

import cv2
import numpy as np

from imgdedup.geometry.alignment import scale_of

_SMOOTHED = 1.2  # pixels, standard deviation: evens out traces of recompression and resampling
_RIM = 7  # pixels: three on either side, which the smoothing reaches, and one
_WINDOW_SHARE, _WINDOW = 0.066, (7, 21)  # of the long side; pixels
STRIDE = 2  # windows overlap, so every second one each way tells as much
_LEAST_SHOWN = 0.4  # share of a window that both pictures must show
_DARKEST, _BRIGHTEST, _MOST_CLIPPED = 6.0, 249.0, 0.3  # beyond, an edit may have lost texture
_TEXTURE, _LEAST_DEVIATION = 0.15, 5.0  # relative to the deviation of the shared part; levels
_LEAST_CUT, _LEAST_SLOPE = 0.01, 0.2  # share of the pixels; slope of the line between the levels
_DISAGREES = 0.65  # correlation below which a window disagrees
_LEAST_WINDOWS = 20


@dataclass(frozen=True, eq=False)
class Shared:
    """The part that two pictures share, in the frame of the coarser picture.

    `fine` and `coarse` are luma, float32, (height, width). `shown`, bool, marks the pixels of
    both. `swapped` tells that the coarser picture is the left one.
    """

    fine: np.ndarray
    coarse: np.ndarray
    shown: np.ndarray
    swapped: bool
    overlap: float  # share of the smaller picture that the other picture shows

    def thinned(self) -> "Shared":
        """Keep every second pixel each way, which is enough to judge tones."""
        thin = (slice(None, None, STRIDE),) * 2
        return replace(self, fine=self.fine[thin], coarse=self.coarse[thin], shown=self.shown[thin])


@dataclass(frozen=True, eq=False)
class Agreement:
    """How well the windows with texture of a shared part correlate.

    `typical`, `worst` and `least` are the median, the tenth and the first percentile of their
    correlations. `disagreeing` is the share of windows that do not correlate. `doubtful`, bool,
    marks these windows in the raster of a thinned `Shared`. `windows` counts those with texture.
    """

    typical: float
    worst: float
    least: float
    disagreeing: float
    windows: int
    doubtful: np.ndarray

    @property
    def correlation(self) -> float:
        """The weighted mean of `typical` and `worst`.

        Noise lowers both a little. Another object lowers `worst` by far.
        """
        return (4 * self.typical + self.worst) / 5


def share(left: np.ndarray, right: np.ndarray, matrix: np.ndarray) -> Shared | None:
    """Lay two pictures (luma, uint8) over each other by a map (3, 3) of left pixels to right ones.

    None when the pictures share next to nothing.
    """
    fine, coarse, matrix, scale, swapped = finer_first(left, right, matrix)
    laid = _laid(fine, coarse, matrix, scale)
    size = coarse.shape[::-1]
    covered = cv2.warpPerspective(np.full_like(fine, 255), matrix, size, flags=cv2.INTER_NEAREST)
    # Pixels beside the shared part, such as a bar, must not bleed into it by the smoothing.
    rim = np.ones((_RIM, _RIM), np.uint8)
    shown = cv2.erode(covered, rim, borderType=cv2.BORDER_CONSTANT, borderValue=255) > 0
    if not shown.any():
        return None
    smaller = min(coarse.size, fine.size * scale**2)
    overlap = min(1.0, float((covered > 0).sum()) / smaller)
    return Shared(laid.astype(np.float32), coarse.astype(np.float32), shown, swapped, overlap)


def lay_colours(
    left: np.ndarray, right: np.ndarray, matrix: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The finer and the coarser picture, uint8, (height, width, 3), laid as `share` lays them."""
    fine, coarse, matrix, scale, _ = finer_first(left, right, matrix)
    return _laid(fine, coarse, matrix, scale), coarse


def agreement(shared: Shared) -> Agreement | None:
    """Correlate the windows of a shared part; None when too few of them have texture."""
    shown = shared.shown.astype(np.float32)
    fine, coarse = _equally_clipped(shared)
    a = cv2.GaussianBlur(fine, (0, 0), _SMOOTHED)
    b = cv2.GaussianBlur(coarse, (0, 0), _SMOOTHED)
    # Where both pictures are black or white, no edit lost anything: that is ink or paper.
    clipped = ((a < _DARKEST) != (b < _DARKEST)) | ((a > _BRIGHTEST) != (b > _BRIGHTEST))
    side = int(np.clip(round(_WINDOW_SHARE * max(a.shape)), *_WINDOW)) | 1

    def mean(values: np.ndarray) -> np.ndarray:
        boxed = cv2.boxFilter(values, -1, (side, side), borderType=cv2.BORDER_CONSTANT)
        return np.asarray(boxed)[::STRIDE, ::STRIDE]

    count = np.maximum(mean(shown), 1e-6)
    a_shown, b_shown = a * shown, b * shown
    a_mean, b_mean = mean(a_shown) / count, mean(b_shown) / count
    a_variance = np.maximum(mean(a_shown * a) / count - a_mean**2, 0)
    b_variance = np.maximum(mean(b_shown * b) / count - b_mean**2, 0)
    covariance = mean(a_shown * b) / count - a_mean * b_mean
    usable = shared.shown[::STRIDE, ::STRIDE] & (count > _LEAST_SHOWN)
    usable &= mean(clipped * shown) / count < _MOST_CLIPPED
    # In units of each picture's own deviation, so that contrast and brightness play no part.
    a_spread, b_spread = (max(float(x[shared.shown].std()), 1e-3) for x in (a, b))
    texture = np.maximum(np.sqrt(a_variance) / a_spread, np.sqrt(b_variance) / b_spread)
    # Texture that the paler picture could not show above its noise says nothing.
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
        windows=windows,
        doubtful=disagrees,
    )


def line(x: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    """Slope and offset of the straight line closest to the points, by least squares."""
    slope = float(np.mean((x - x.mean()) * (y - y.mean())) / max(float(x.var()), 1e-6))
    return slope, float(y.mean()) - slope * float(x.mean())


def finer_first(
    left: np.ndarray, right: np.ndarray, matrix: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, float, bool]:
    """The finer and the coarser picture, the map and its scale, and whether they swapped."""
    height, width = left.shape[:2]
    scale = scale_of(matrix, ((width - 1) / 2, (height - 1) / 2))
    if scale <= 1:
        return left, right, matrix, scale, False
    back = np.linalg.inv(matrix)
    return right, left, back / back[2, 2], 1 / scale, True


def _laid(fine: np.ndarray, coarse: np.ndarray, matrix: np.ndarray, scale: float) -> np.ndarray:
    """The finer picture in the frame of the coarser one."""
    if scale < 0.85:  # detail that the coarser picture cannot show must not alias
        fine = cv2.GaussianBlur(fine, (0, 0), 0.5 * np.sqrt(scale**-2 - 1))
    size = coarse.shape[1], coarse.shape[0]
    return np.asarray(cv2.warpPerspective(fine, matrix, size, borderMode=cv2.BORDER_REPLICATE))


def _equally_clipped(shared: Shared) -> tuple[np.ndarray, np.ndarray]:
    """Both pictures, each without the texture that brightening made white in the other.

    Brightening makes all levels above some level white. Where one picture is white, such levels of
    the other are set to that level. Lower levels stay, because no brightening made them white.
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
