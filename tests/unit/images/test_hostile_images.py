"""Files made to cost time or memory are refused soon, and in little memory."""

import multiprocessing
import time
import warnings
from contextlib import suppress
from dataclasses import dataclass
from functools import cache, partial
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from benchmarks.fuzz import hostile
from imgdedup import config
from imgdedup.errors import ImageFailure
from imgdedup.images.decode import decoder_of
from imgdedup.images.frames import MOST_FRAMES
from imgdedup.images.originals import frames_of
from tests.stand_ins import encoded, picture

SETTINGS = config.load(Path(__file__).parents[3] / "conf", "local", {}).embed
SECONDS = 10.0  # the most seconds of computing for one refused file
MIB = 64.0  # the most memory beyond the file itself
FILLED = 200_000_000  # bytes

Files = dict[str, bytes]


@dataclass(frozen=True)
class Ended:
    """How decoding a file ended: a failure's code or `decoded`, seconds of computing, memory."""

    outcome: str
    seconds: float
    mib: float


def ended(files: Files) -> dict[str, Ended]:
    """How decoding each file ends, in one process of its own for all files."""
    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe()
    process = context.Process(target=decode_each, args=(theirs, files), daemon=True)
    process.start()
    theirs.close()
    try:
        found = {}
        for name in files:
            assert ours.poll(10 * SECONDS), f"{name} has no end"
            found[name] = ours.recv()
        return found
    finally:
        process.kill()
        process.join()


def decode_each(pipe: Connection, files: Files) -> None:
    warnings.simplefilter("ignore")  # Pillow warns of parts that it skips
    decoder = decoder_of(SETTINGS, 128)
    decoder.decode(encoded(picture(1)))
    for data in files.values():
        Path("/proc/self/clear_refs").write_text("5")  # the peak starts again
        before = resident("VmRSS")
        began = time.process_time()
        try:
            decoder.decode(data)
            outcome = "decoded"
        except ImageFailure as failure:
            outcome = failure.code
        pipe.send(Ended(outcome, time.process_time() - began, resident("VmHWM") - before))


def resident(name: str) -> float:
    """MiB of this process's memory: VmRSS is the present value, VmHWM the peak."""
    lines = Path("/proc/self/status").read_text().splitlines()
    (line,) = [line for line in lines if line.startswith(name)]
    return int(line.split()[1]) / 1024


KINDS = {
    "disguised": (hostile.disguised, {"not_an_image"}),
    "vast": (hostile.vast, {"decompression_bomb"}),
    "costly": (hostile.costly, {"decompression_bomb"}),
    "inflated": (hostile.inflated, {"corrupt"}),
}


@pytest.mark.parametrize("kind", KINDS)
def test_hostile_files_are_refused_soon_and_in_little_memory(kind: str) -> None:
    make, codes = KINDS[kind]
    found = ended(make())
    assert {name: end for name, end in found.items() if end.outcome not in codes} == {}
    assert {name: end for name, end in found.items() if end.seconds > SECONDS} == {}
    assert {name: end for name, end in found.items() if end.mib > MIB} == {}


def test_frames_without_end_are_counted_soon_and_up_to_a_limit() -> None:
    files = hostile.endless()
    for name, end in ended(files).items():
        assert end.outcome == "decoded", name
        assert end.seconds < SECONDS, name
        assert end.mib < MIB + 2 * len(files[name]) / 2**20, name
    decoder = decoder_of(SETTINGS, 128)
    counts = {decoder.decode(data).frames for data in files.values()}
    assert counts == {1, 100, MOST_FRAMES}


def test_frames_of_a_file_without_end_are_given_one_by_one() -> None:
    for name, data in hostile.endless().items():
        started = time.process_time()
        with suppress(ImageFailure):
            frames = list(frames_of(data, 64, 50, 10**6))
            assert len(frames) <= 50, name
        assert time.process_time() - started < SECONDS, name


@pytest.mark.parametrize("name", hostile.filled())
def test_a_large_file_of_nothing_ends_soon_and_in_little_memory(name: str) -> None:
    head, fill = hostile.filled()[name]
    (end,) = ended({name: head + bytes([fill]) * (FILLED - len(head))}).values()
    assert end.outcome in {"corrupt", "truncated", "not_an_image", "decoded", "decompression_bomb"}
    assert end.seconds < SECONDS
    assert end.mib < MIB + 2 * FILLED / 2**20  # a decoder may copy the file, and copy it again


def test_an_allowed_picture_is_decoded_in_the_memory_of_its_pixels() -> None:
    side = 4000
    large = {
        "PNG": hostile.png(side, side, hostile.zeros(side * (side * 3 + 1))),
        "ICO": hostile.ico(hostile.png(side, side, hostile.zeros(side * (side * 4 + 1)), color=6)),
    }
    found = ended(large)
    assert {end.outcome for end in found.values()} == {"decoded"}
    assert all(end.mib < 16 * side**2 / 2**20 + MIB for end in found.values()), found


def test_an_icon_with_more_pixels_than_allowed_is_refused() -> None:
    data = hostile.ico(hostile.png(1001, 1000, hostile.zeros(1000 * (1001 * 4 + 1)), color=6))
    decoder = partial(config.EmbedConfig, **vars(SETTINGS))
    assert decoder_of(decoder(), 32).decode(data).width == 1001
    with pytest.raises(ImageFailure) as raised:
        decoder_of(decoder(max_pixels=1_000_000), 32).decode(data)
    assert (raised.value.code, raised.value.detail) == (
        "decompression_bomb",
        "1,001 x 1,000 pixels",
    )


@cache
def photo() -> bytes:
    return encoded(picture(1, 96, 64), "JPEG", progressive=True)


@pytest.mark.parametrize("after", [b"\xff\xda\0\4" * 1000, photo() * 200, bytes(range(256)) * 999])
def test_only_the_scans_of_the_picture_itself_are_counted(after: bytes) -> None:
    assert decoder_of(SETTINGS, 32).decode(photo() + after).width == 96


def test_marks_that_restart_a_scan_are_no_pieces_of_a_jpeg() -> None:
    picture_of_blocks = picture(1, 8000, 8000).convert("L")
    data = encoded(picture_of_blocks, "JPEG", restart_marker_blocks=1, quality=5)
    assert data.count(b"\xff\xd0") * 8 > 900_000
    assert decoder_of(SETTINGS, 32).decode(data).width == 8000


@pytest.mark.parametrize("form", ["QOI", "PPM", "BMP", "SGI", "DDS"])
def test_photographs_that_are_decoded_in_python_pass(form: str) -> None:
    assert decoder_of(SETTINGS, 32).decode(encoded(picture(1, 1000, 800), form)).width == 1000


def test_a_small_picture_may_be_one_tile_of_a_usual_size() -> None:
    data = hostile.tiff(100, 100, tile=512)
    with pytest.raises(ImageFailure) as raised:  # the tile has no data
        decoder_of(SETTINGS, 32).decode(data)
    assert raised.value.code in ("corrupt", "truncated")
