"""What the colours say of two pictures that agree in light and dark."""

from functools import cached_property

import numpy as np

from imgdedup.geometry.agreement import Shared
from imgdedup.geometry.colouring.casts import have_other_cast
from imgdedup.geometry.colouring.colours import Colours, colours_of
from imgdedup.geometry.colouring.laid import Laid
from imgdedup.geometry.colouring.repainting import is_repainted
from imgdedup.geometry.picture import Picture


class Colouring:
    """The colours of two pictures under a map, (3, 3), of left thumbnail pixels to right ones."""

    def __init__(self, left: Picture, right: Picture, matrix: np.ndarray) -> None:
        self._laid = Laid(left, right, matrix)

    @cached_property
    def _colours(self) -> Colours | None:
        return colours_of(self._laid.left, self._laid.right, self._laid.matrix)

    def shows_other_object(self, shared: Shared) -> bool:
        """Whether they show one object in two colours; `shared` is what the map lets them share."""
        if self._colours is not None and self._colours.is_one_object:
            return True
        return is_repainted(self._laid, shared)

    def is_changed(self, thin: Shared, *, overlaid: bool) -> bool:
        """Whether the colours differ on the whole. `thin` is thinned.

        `overlaid` tells that something lies on one of the pictures; `thin` leaves that part out.
        """
        if self._colours is None:
            return False
        if self._colours.are_others(overlaid=overlaid):
            return True
        return have_other_cast(self._laid, thin.shown)
