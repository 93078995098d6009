"""Damage to the bytes of a file, as disks, networks and attackers do it."""

import struct
from collections.abc import Callable, Sequence

from numpy.random import Generator

_EXTREMES = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)
_HEAD = 160  # bytes in which formats keep their sizes and offsets

Mutation = Callable[[bytes, Sequence[bytes], Generator], bytes]


def mutated(data: bytes, others: Sequence[bytes], rng: Generator) -> bytes:
    """`data` after one to four mutations drawn by `rng`; `others` are files to take pieces from."""
    for _ in range(rng.integers(1, 5)):
        if not data:
            break
        data = MUTATIONS[int(rng.integers(len(MUTATIONS)))](data, others, rng)
    return data


def _bytes_changed(data: bytes, others: Sequence[bytes], rng: Generator) -> bytes:
    found = bytearray(data)
    for place in rng.integers(len(data), size=rng.integers(1, 9)):
        found[place] = rng.integers(256)
    return bytes(found)


def _bits_flipped(data: bytes, others: Sequence[bytes], rng: Generator) -> bytes:
    found = bytearray(data)
    for place in rng.integers(len(data), size=rng.integers(1, 33)):
        found[place] ^= 1 << int(rng.integers(8))
    return bytes(found)


def _cut_off(data: bytes, others: Sequence[bytes], rng: Generator) -> bytes:
    return data[: rng.integers(len(data))]


def _piece_lost(data: bytes, others: Sequence[bytes], rng: Generator) -> bytes:
    start, stop = _piece(data, rng)
    return data[:start] + data[stop:]


def _piece_repeated(data: bytes, others: Sequence[bytes], rng: Generator) -> bytes:
    start, stop = _piece(data, rng)
    return data[:stop] + data[start:stop] * int(rng.integers(1, 4)) + data[stop:]


def _piece_of_another(data: bytes, others: Sequence[bytes], rng: Generator) -> bytes:
    other = others[int(rng.integers(len(others)))]
    start, stop = _piece(other, rng)
    place = rng.integers(len(data))
    return data[:place] + other[start:stop] + data[place + stop - start :]


def _extreme_number(data: bytes, others: Sequence[bytes], rng: Generator) -> bytes:
    """Lengths, sizes and offsets that no honest file has, mostly in the head."""
    order = "<>"[rng.integers(2)]
    size, kind = ((1, "B"), (2, "H"), (4, "I"))[rng.integers(3)]
    value = _EXTREMES[rng.integers(len(_EXTREMES))] % 256**size
    end = min(len(data), _HEAD) if rng.random() < 0.7 else len(data)
    place = int(rng.integers(end))
    return data[:place] + struct.pack(order + kind, value) + data[place + size :]


def _head_alone(data: bytes, others: Sequence[bytes], rng: Generator) -> bytes:
    return data[: rng.integers(min(len(data), _HEAD))] + rng.bytes(int(rng.integers(4096)))


def _piece(data: bytes, rng: Generator) -> tuple[int, int]:
    start = int(rng.integers(len(data)))
    return start, min(len(data), start + int(rng.integers(1, 2 + len(data) // 4)))


MUTATIONS: Sequence[Mutation] = (
    _bytes_changed,
    _bits_flipped,
    _cut_off,
    _piece_lost,
    _piece_repeated,
    _piece_of_another,
    _extreme_number,
    _extreme_number,
    _head_alone,
)
