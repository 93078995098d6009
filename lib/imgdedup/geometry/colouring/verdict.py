"""What the colours say of two pictures that agree in light and dark."""

import numpy as np

from imgdedup.geometry.agreement import Shared, lay_colours
from imgdedup.geometry.colouring.casts import have_other_cast
from imgdedup.geometry.colouring.colours import Colours
from imgdedup.geometry.colouring.repainting import is_repainted
from imgdedup.geometry.picture import Picture


def show_other_object(
    left: Picture, right: Picture, matrix: np.ndarray, shared: Shared, colours: Colours | None
) -> bool:
    """Whether two pictures show one object in two colours.

    `matrix`, (3, 3), takes left thumbnail pixels to right ones, and `shared` is what it lets them
    share. `colours` are those of `colours_of`.
    """
    if colours is not None and colours.is_one_object:
        return True
    return is_repainted(left, right, matrix, shared)


def are_recoloured(
    left: Picture,
    right: Picture,
    matrix: np.ndarray,
    thin: Shared,
    colours: Colours | None,
    *,
    overlaid: bool,
) -> bool:
    """Whether the colours of two copies differ on the whole.

    The arguments are those of `show_other_object`, `thin` being thinned. `overlaid` tells that
    something lies on one of the pictures; `thin` leaves that part out.
    """
    if colours is None:
        return False
    if colours.are_others(overlaid=overlaid):
        return True
    return have_other_cast(*lay_colours(left.rgb, right.rgb, matrix), thin.shown)
