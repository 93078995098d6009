"""Whether two files are copies of each other, as the product decides it, without Spark."""

import cv2

from imgdedup.config import Config, EmbedConfig
from imgdedup.geometry.features import extract
from imgdedup.geometry.grounds import compare_on_grounds
from imgdedup.geometry.picture import Picture
from imgdedup.geometry.registration import of_frames
from imgdedup.images.decode import Decoded, decoder_of, fingerprint
from imgdedup.stages.verify.originals import compare_originals

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
    found = compare_on_grounds(*pictures, config.verify)
    if found.matrix is None or not config.verify.originals:
        return found.duplicate
    frame_map = of_frames(found.matrix, *(picture.size for picture in pictures))
    return compare_originals(left, right, frame_map, config.verify, config.embed.max_pixels).same


def described(data: bytes, config: EmbedConfig) -> Picture:
    """What the stage embed keeps of a file for comparisons; ImageFailure when it is no picture.

    The latest files are remembered, so that a second verdict does not decode them again.
    """
    key = data, fingerprint(config)
    if key not in _REMEMBERED:
        cv2.setNumThreads(1)
        decoded = decoder_of(config, _INPUT).decode(data)
        while len(_REMEMBERED) >= _MOST:
            del _REMEMBERED[next(iter(_REMEMBERED))]
        _REMEMBERED[key] = _picture(decoded)
    return _REMEMBERED[key]


def _picture(decoded: Decoded) -> Picture:
    size, frames = (decoded.width, decoded.height), decoded.frames
    looks = [
        (seen.thumbnail, extract(seen.luma).to_bytes(max(seen.luma.shape)))
        for seen in (decoded, decoded.second)
        if seen is not None
    ]
    second = Picture(looks[1][0], *size, looks[1][1], frames=frames) if len(looks) > 1 else None
    return Picture(looks[0][0], *size, looks[0][1], second, frames)
