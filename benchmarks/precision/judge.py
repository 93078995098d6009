"""Whether two files are copies of each other, as the product decides it, without Spark."""

import cv2

from imgdedup.config import Config, EmbedConfig
from imgdedup.geometry.comparison import compare
from imgdedup.geometry.features import extract
from imgdedup.geometry.picture import Picture
from imgdedup.images.decode import decoder_of, fingerprint

_INPUT = 224  # pixels: the side of the network's input, which no verdict uses
_MOST = 8  # files remembered
_REMEMBERED: dict[tuple[bytes, str], Picture] = {}


def judge(left: bytes, right: bytes, config: Config) -> bool:
    """Whether the product takes two files for copies once the search has proposed them.

    Raises ImageFailure when a file cannot be decoded.
    """
    if left == right:
        return True
    pictures = described(left, config.embed), described(right, config.embed)
    return compare(*pictures, config.verify).duplicate


def described(data: bytes, config: EmbedConfig) -> Picture:
    """What the stage embed keeps of a file for comparisons; ImageFailure when it is no picture.

    The latest files are remembered, so that a second verdict does not decode them again.
    """
    key = data, fingerprint(config)
    if key not in _REMEMBERED:
        cv2.setNumThreads(1)
        decoded = decoder_of(config, _INPUT).decode(data)
        packed = extract(decoded.luma).to_bytes(max(decoded.luma.shape))
        while len(_REMEMBERED) >= _MOST:
            del _REMEMBERED[next(iter(_REMEMBERED))]
        _REMEMBERED[key] = Picture(decoded.thumbnail, decoded.width, decoded.height, packed)
    return _REMEMBERED[key]
