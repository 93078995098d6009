"""What this machine can compute with, found without torch."""

import ctypes
import platform
from collections.abc import Set
from functools import cache
from pathlib import Path

_CPUINFO = Path("/proc/cpuinfo")
# Feature of the CPU as Linux names it, and our name: the first that it has is the widest.
_WIDEST = (
    ("amx_int8", "amx"),
    ("avx512_bf16", "avx512_bf16"),
    ("avx512_vnni", "avx512_vnni"),
    ("avx512f", "avx512"),
    ("avx_vnni", "avx2_vnni"),
    ("avx2", "avx2"),
)
_X86 = {"x86_64", "amd64", "i386", "i686"}
_VNNI = {"avx512_vnni", "avx_vnni", "amx_int8"}
_DRIVERS = ("libcuda.so.1", "libamdhip64.so", "nvcuda.dll")


@cache
def cpu_features() -> frozenset[str]:
    """The features of the CPU as Linux names them; empty elsewhere."""
    try:
        lines = _CPUINFO.read_text(encoding="utf-8").splitlines()
    except OSError:
        return frozenset()
    fields = (line.partition(":") for line in lines)
    named = (text for name, _, text in fields if name.strip().lower() in ("flags", "features"))
    return frozenset(next(named, "").split())


def widest_instructions(features: Set[str]) -> str:
    """The instructions that decide the kernels, else the machine's architecture."""
    known = (ours for feature, ours in _WIDEST if feature in features)
    return next(known, platform.machine().lower())


def is_x86() -> bool:
    """Whether this is an x86 processor."""
    return platform.machine().lower() in _X86


def sums_int8_exactly() -> bool:
    """Whether products of int8 are summed in 32 bits. Older x86 processors saturate at 16 bits."""
    return not _VNNI.isdisjoint(cpu_features())


def may_have_gpu() -> bool:
    """Whether a driver of GPUs is installed. Only torch can tell whether it works."""
    for library in _DRIVERS:
        try:
            ctypes.CDLL(library)
        except OSError:
            continue
        return True
    return False
