"""Decodes damaged files in processes of their own, so that a file that kills one is counted."""

import multiprocessing
import resource
import time
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from multiprocessing.connection import Connection

import numpy as np

from benchmarks.fuzz.mutations import mutated
from benchmarks.fuzz.specimens import specimens
from imgdedup.config import EmbedConfig
from imgdedup.errors import ImageFailure
from imgdedup.images.decode import decoder_of

SECONDS = 60.0  # longer than this counts as hung
_SIDE = 128  # pixels of the square that files are decoded to
_START = 60.0  # seconds more for the first file, while the process starts
DECODED = "decoded"
# The outcomes that no file may have: the process died, did not end, or raised another error than
# ImageFailure.
FORBIDDEN = CRASHED, HUNG, RAISED = "crashed", "hung", "raised"

Decode = Callable[[bytes], object]  # raises ImageFailure


@dataclass(frozen=True)
class Trial:
    """The outcome of one file."""

    number: int
    specimen: str
    outcome: str  # DECODED, a failure code, or one of FORBIDDEN
    detail: str
    seconds: float
    peak_bytes: int  # the most resident memory of the process until then


def specimen(seed: int, number: int) -> tuple[str, bytes]:
    """The name of the specimen of file `number` with this seed, and the bytes of the file."""
    files = specimens()
    rng = np.random.default_rng([seed, number])
    names = list(files)
    if number < len(files):  # each specimen comes once as it is
        return names[number], files[names[number]]
    name = names[rng.integers(len(files))]
    return name, mutated(files[name], list(files.values()), rng)


def decode_as_embed(config: EmbedConfig) -> Decode:
    """Return a function that decodes a file as the stage embed does."""
    return decoder_of(config, _SIDE).decode


def trials(
    files: int,
    seed: int,
    make: Callable[[], Decode],
    processes: int,
    seconds: float = SECONDS,
) -> Iterator[Trial]:
    """Decode the files numbered below `files` in `processes` processes; yield trials in no order.

    Each process makes its own decoder with `make`, which must be picklable. A file that takes
    longer than `seconds` counts as hung.
    """
    shares = [range(first, files, processes) for first in range(processes)]
    with ThreadPoolExecutor(processes) as pool:
        for found in pool.map(partial(_share, seed=seed, make=make, seconds=seconds), shares):
            yield from found


def _share(numbers: range, seed: int, make: Callable[[], Decode], seconds: float) -> list[Trial]:
    found: list[Trial] = []
    while len(found) < len(numbers):
        found += _until_it_dies(numbers[len(found) :], seed, make, seconds)
    return found


def _until_it_dies(
    numbers: range, seed: int, make: Callable[[], Decode], seconds: float
) -> list[Trial]:
    """Decode in one process, up to the last number or the number that ended the process."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_decode_all, args=(theirs, numbers, seed, make), daemon=True)
    process.start()
    theirs.close()
    found: list[Trial] = []
    try:
        for number in numbers:
            patience = seconds + (0 if found else _START)
            if not ours.poll(patience):
                return [*found, _lost(seed, number, HUNG, f"after {patience:.0f} s")]
            try:
                found.append(ours.recv())
            except EOFError:
                process.join()
                status = f"exit status {process.exitcode}"
                return [*found, _lost(seed, number, CRASHED, status)]
        return found
    finally:
        process.kill()
        process.join()


def _lost(seed: int, number: int, outcome: str, detail: str) -> Trial:
    return Trial(number, specimen(seed, number)[0], outcome, detail, 0.0, 0)


def _decode_all(pipe: Connection, numbers: range, seed: int, make: Callable[[], Decode]) -> None:
    warnings.simplefilter("ignore")  # Pillow warns about data that it skips
    decode = make()
    for number in numbers:
        name, data = specimen(seed, number)
        began = time.perf_counter()
        try:
            decode(data)
            outcome, detail = DECODED, ""
        except ImageFailure as failure:
            outcome, detail = failure.code, failure.detail
        except BaseException as error:  # any unexpected error is a finding
            outcome, detail = RAISED, f"{type(error).__name__}: {error}"
        seconds = time.perf_counter() - began
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        pipe.send(Trial(number, name, outcome, detail[:200], seconds, peak))
