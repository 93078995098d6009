"""Motions: where an edit moves the pixels of a picture, and which part the copy shows.

Coordinates are pixels, x to the right and y down from the upper left corner of the frame. A pixel
covers a square of side 1. So the frame of a picture of `size` is (0, 0, width, height).
"""

import math
from dataclasses import dataclass

Box = tuple[float, float, float, float]  # left, top, right, bottom
Size = tuple[int, int]  # width, height


@dataclass(frozen=True)
class Motion:
    """The affine map x' = a x + b y + c, y' = d x + e y + f from a picture to its edited copy.

    With `exact` false the map only comes close, as an affine map does to a change of perspective.
    """

    a: float = 1.0
    b: float = 0.0
    c: float = 0.0
    d: float = 0.0
    e: float = 1.0
    f: float = 0.0
    exact: bool = True

    def __call__(self, x: float, y: float) -> tuple[float, float]:
        """Where the point goes."""
        return self.a * x + self.b * y + self.c, self.d * x + self.e * y + self.f

    def then(self, other: "Motion") -> "Motion":
        """The motion that does this one first and then the other."""
        c, f = other(self.c, self.f)
        return Motion(
            a=other.a * self.a + other.b * self.d,
            b=other.a * self.b + other.b * self.e,
            c=c,
            d=other.d * self.a + other.e * self.d,
            e=other.d * self.b + other.e * self.e,
            f=f,
            exact=self.exact and other.exact,
        )

    @property
    def inverse(self) -> "Motion":
        """The way back; ZeroDivisionError for a motion that flattens the picture."""
        area = self.a * self.e - self.b * self.d
        back = Motion(self.e / area, -self.b / area, 0, -self.d / area, self.a / area, 0)
        c, f = back(-self.c, -self.f)
        return Motion(back.a, back.b, c, back.d, back.e, f, self.exact)

    @property
    def mirrored(self) -> bool:
        """Whether left and right are swapped."""
        return self.a * self.e < self.b * self.d

    @property
    def scale(self) -> float:
        """Pixels of the copy for one pixel of the picture, along a side."""
        return math.sqrt(abs(self.a * self.e - self.b * self.d))

    @property
    def rotation(self) -> float:
        """Degrees counter-clockwise, in [0, 360), after the mirroring if there is one."""
        sign = -1 if self.mirrored else 1
        angle = math.atan2(self.b - sign * self.d, self.e + sign * self.a)
        return round(math.degrees(angle), 9) % 360

    def shown(self, size: Size, copy_size: Size) -> Box:
        """The part of a picture of `size` that its copy of `copy_size` shows.

        In shares 0 to 1 of the picture's width and height; (0, 0, 1, 1): all of it.
        """
        back = self.inverse
        corners = [back(x, y) for x in (0, copy_size[0]) for y in (0, copy_size[1])]
        across = sorted(min(1.0, max(0.0, x / size[0])) for x, _ in corners)
        down = sorted(min(1.0, max(0.0, y / size[1])) for _, y in corners)
        return across[0], down[0], across[-1], down[-1]


STILL = Motion()


def windowing(box: Box, size: Size) -> Motion:
    """The motion that makes the box of a picture fill a frame of `size`."""
    left, top, right, bottom = box
    across, down = size[0] / (right - left), size[1] / (bottom - top)
    return Motion(a=across, c=-left * across, e=down, f=-top * down)


def scaling(size: Size, copy_size: Size) -> Motion:
    """The motion from the frame of a picture to that of its resized copy."""
    return windowing((0, 0, *size), copy_size)


def mirroring(size: Size) -> Motion:
    """The motion that swaps left and right of a picture of `size`."""
    return Motion(a=-1, c=size[0])


def turning(size: Size, quarters: int) -> Motion:
    """The motion of `quarters` quarter turns counter-clockwise of a picture and its frame."""
    motion = STILL
    width, height = size
    for _ in range(quarters % 4):
        motion = motion.then(Motion(a=0, b=1, d=-1, e=0, f=width))
        width, height = height, width
    return motion
