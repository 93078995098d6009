"""Compares the colours of two aligned pictures: changed on the whole, or in one object.

A colour is a and b of CIELAB. Colours are compared coarsely. Lightness plays no part.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from imgdedup.geometry.picture import Picture

_SIDE, _CELL = 80, (5, 5)  # pixels
_LEAST = 50  # pixels, to tell anything
_NEUTRAL, _COLOURED = 6.0, 8.0  # distance from gray
_STAYED = 2.5  # median distance from gray of pixels that are neutral in the other picture
_FAR = 10.0  # distance between two colours that no compression makes
_OTHER_HUE = 0.2  # cosine of the angle between two hues: tells near dark paints apart
_LEAST_NEUTRAL, _LEAST_FAR = 0.35, 0.01  # of the pixels
_RECOLOURED = 0.3  # of the coloured pixels
_OTHER = 8.0  # distance between the colours of two pictures, on the whole


@dataclass(frozen=True, eq=False)
class Colours:
    """The colours at the same places of two pictures, float64, (n, 2) each."""

    first: np.ndarray
    second: np.ndarray

    def are_others(self, *, overlaid: bool) -> bool:
        """Whether they differ on the whole, saturation aside; an overlay changes few of them."""
        apart = self._apart()
        return float(np.median(apart) if overlaid else apart.mean()) > _OTHER

    @property
    def is_one_object(self) -> bool:
        """Whether one object has another colour, and the gray ground has stayed gray.

        Such pictures show one product in two finishes. An edit of the colours would change the
        whole picture: it tints gray parts, or changes more colours than those of one object.
        """
        gray, other_gray = self._saturation(self.first), self._saturation(self.second)
        neutral, other_neutral = gray < _NEUTRAL, other_gray < _NEUTRAL
        if (neutral & other_neutral).mean() < _LEAST_NEUTRAL:
            return False
        if max(np.median(other_gray[neutral]), np.median(gray[other_neutral])) > _STAYED:
            return False
        product = (self.first * self.second).sum(1)
        turned = ~neutral & ~other_neutral & (product < _OTHER_HUE * gray * other_gray)
        far = (self._apart() > _FAR) | turned
        coloured = np.maximum(gray, other_gray) >= _COLOURED
        return bool(
            far.mean() > _LEAST_FAR and (far & coloured).sum() >= _RECOLOURED * coloured.sum()
        )

    def _apart(self) -> np.ndarray:
        # Contrast and brightness draw all colours towards gray, or away from it, by one factor.
        both = self.first, self.second
        paler, richer = sorted(both, key=lambda colours: float((colours**2).sum()))
        factor = max(0.0, float((paler * richer).sum()) / max(float((richer**2).sum()), 1e-6))
        return np.asarray(np.hypot(*(paler - factor * richer).T))

    @staticmethod
    def _saturation(colours: np.ndarray) -> np.ndarray:
        return np.asarray(np.hypot(*colours.T))


def colours_of(left: Picture, right: Picture, matrix: np.ndarray) -> Colours | None:
    """The colours of the shared part, by a map (3, 3) of left thumbnail pixels to right ones.

    None when one of the pictures has no colour, or the pictures share next to nothing.
    """
    if left.is_gray or right.is_gray:
        return None
    height, width = right.luma.shape
    smaller = min(1.0, _SIDE / max(height, width))
    size = max(1, round(width * smaller)), max(1, round(height * smaller))
    motion = np.diag([size[0] / width, size[1] / height, 1.0]) @ matrix
    shown = cv2.warpPerspective(np.full_like(left.luma, 255), motion, size) == 255
    if shown.sum() < _LEAST:
        return None
    softened = cv2.GaussianBlur(left.rgb, (0, 0), 2)
    laid = cv2.warpPerspective(softened, motion, size, borderMode=cv2.BORDER_REPLICATE)
    beneath = cv2.resize(right.rgb, size, interpolation=cv2.INTER_AREA)
    first, second = (
        cv2.cvtColor(cv2.blur(image, _CELL), cv2.COLOR_RGB2LAB)[shown][:, 1:] - 128.0
        for image in (laid, beneath)
    )
    return Colours(first, second)
