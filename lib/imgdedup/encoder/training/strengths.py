"""How far the views of a training go."""

from typing import NamedTuple


class Strength(NamedTuple):
    """How far views go: the least share of the area that is kept, and the chance of each edit."""

    least_area: float
    small_crop: float  # of a crop below a third of the area
    crop: float
    mirror: float
    turn: float
    perspective: float
    letterbox: float
    overlay: float
    light: float
    gray: float
    colour: float
    blur: float
    shrink: float
    jpeg: float
    posterise: float
    noise: float
    collage: float
    blend: float


MILD = Strength(
    least_area=0.45,
    small_crop=0.0,
    crop=0.5,
    mirror=0.1,
    turn=0.05,
    perspective=0.05,
    letterbox=0.05,
    overlay=0.05,
    light=0.5,
    gray=0.15,
    colour=0.2,
    blur=0.15,
    shrink=0.2,
    jpeg=0.15,
    posterise=0.0,
    noise=0.1,
    collage=0.0,
    blend=0.0,
)
STRONG = Strength(
    least_area=0.08,
    small_crop=0.3,
    crop=0.85,
    mirror=0.3,
    turn=0.25,
    perspective=0.2,
    letterbox=0.2,
    overlay=0.25,
    light=0.7,
    gray=0.3,
    colour=0.35,
    blur=0.2,
    shrink=0.3,
    jpeg=0.25,
    posterise=0.08,
    noise=0.15,
    collage=0.12,
    blend=0.1,
)
