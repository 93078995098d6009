"""Tells a picture that was reduced to few colours from a drawing that has no more.

A file without loss keeps both. Of the reduced picture it keeps what the reduction has left.
"""

import numpy as np
from PIL import Image

_MOST = 1024  # colours; a photograph has more, and a posterised one hardly
_FULL = 240  # colours of a palette of 256: who reduces a picture uses nearly all of them
_LEAST_STEP = 1.5  # levels: the mean distance of colours that are next to each other
_ONE_STEP = 1.5  # times the distance of two colours that are next to each other
_EDGE = 96  # levels; neighbours that are farther apart are an edge
_PAPER = 0.5  # share of the pixels from which one colour is the paper of a drawing
_SIDE, _ACROSS = 64, 8  # pixels of a tile, and the most tiles in a row and in a column
_NEIGHBOURS = (np.s_[:, 1:], np.s_[:, :-1]), (np.s_[1:], np.s_[:-1])
_CONTENT = 0.05  # share of the neighbours that differ in a tile that shows something
_STEPS = 0.08  # share of the neighbours that are one step apart, from which tiles are photographs


def has_full_palette(image: Image.Image) -> bool:
    """Whether an opened image has a palette in colour of which it uses next to all places."""
    if image.mode != "P" or len(image.getcolors(256) or ()) < _FULL:
        return False
    palette = np.array([colour for _, colour in image.convert("RGB").getcolors(256) or ()])
    return bool((palette != palette[:, :1]).any())


def is_photograph_in_few_colours(picture: Image.Image) -> bool:
    """Whether a picture, RGB, is a photograph in colour that was reduced to few colours.

    Levels change little by little in a photograph. So bands, and the noise of a dither, put pixels
    beside each other whose colours are next to each other in the palette. In a drawing neighbours
    are equal, or far from each other: paper and ink.
    """
    counts = picture.getcolors(_MOST)
    if counts is None or len(counts) < 3:
        return False
    palette = np.array([colour for _, colour in counts])
    shares = np.array([count for count, _ in counts]) / (picture.width * picture.height)
    if (palette == palette[:, :1]).all():  # a scan in few grays looks the same
        return False
    steps = _distances_to_next(palette)
    if steps @ shares < _LEAST_STEP:
        return False
    paper = palette[shares.argmax()] if shares.max() > _PAPER else None
    numbers = _numbers(palette)
    order = np.argsort(numbers)
    found = [_share_of_steps(tile, numbers[order], steps[order], paper) for tile in _tiles(picture)]
    telling = [share for share in found if share is not None]
    return bool(telling) and float(np.median(telling)) >= _STEPS


def _distances_to_next(palette: np.ndarray) -> np.ndarray:
    """The distance of each colour, (n, 3), to the nearest other one, (n,): that of the channel in
    which the two differ most, in levels.
    """
    levels = palette.astype(np.int16)
    apart = np.zeros((len(levels), len(levels)), np.int16)
    for channel in levels.T:
        np.maximum(apart, np.abs(channel[:, None] - channel), out=apart)
    np.fill_diagonal(apart, 256)
    return apart.min(axis=1).astype(float)


def _tiles(picture: Image.Image) -> list[np.ndarray]:
    """Tiles of a picture, evenly spread, int16, (height, width, 3)."""
    places = []
    for side in picture.size:
        count = min(_ACROSS, max(side // _SIDE, 1))
        places.append(np.linspace(0, max(side - _SIDE, 0), count).round().astype(int))
    width, height = picture.size
    boxes = [
        (left, top, min(left + _SIDE, width), min(top + _SIDE, height))
        for top in places[1].tolist()
        for left in places[0].tolist()
    ]
    return [np.asarray(picture.crop(box)).astype(np.int16) for box in boxes]


def _share_of_steps(
    tile: np.ndarray, numbers: np.ndarray, steps: np.ndarray, paper: np.ndarray | None
) -> float | None:
    """The share of the neighbours in a tile that are one step of the palette apart.

    None: the tile shows next to nothing. What lies beside the paper is the edge of ink. `numbers`
    are those of the colours, in order, and `steps` are the distances to the next ones.
    """
    step = steps[np.searchsorted(numbers, _numbers(tile))]
    is_ink = np.ones(tile.shape[:2], bool) if paper is None else (tile != paper).any(axis=2)
    pairs = differing = near = 0
    for one, other in _NEIGHBOURS:
        apart = np.abs(tile[one] - tile[other]).max(axis=2)
        differs = apart > 0
        most = np.minimum(_ONE_STEP * np.maximum(step[one], step[other]), _EDGE)
        pairs += apart.size
        differing += int(differs.sum())
        near += int((differs & (apart <= most) & is_ink[one] & is_ink[other]).sum())
    return near / pairs if pairs and differing >= _CONTENT * pairs else None


def _numbers(colours: np.ndarray) -> np.ndarray:
    """One number for each colour, int32, of colours (..., 3)."""
    wide = colours.astype(np.int32)
    return np.asarray((wide[..., 0] << 16) | (wide[..., 1] << 8) | wide[..., 2])
