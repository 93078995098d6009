"""Other tools that find duplicate images, each in an environment of its own."""

import csv
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.speed.measure import Measured, measured
from benchmarks.speed.scorer import Pair
from imgdedup.console import say
from imgdedup.errors import UserError

SCRIPT = Path(__file__).with_name("find_pairs.py")
_READY = ".ready"
_ASK = "import sys; print(*sys.version_info[:2])"
_OURS = ("PYTHONPATH", "PYTHONHOME")  # where our own packages lie
# fastdup sends reports home unless it is told not to.
_SILENT = {"SENTRY_OPT_OUT": "1"}

Version = tuple[int, int]


@dataclass(frozen=True)
class Package:
    """A package that pip installs, and the Pythons that it takes."""

    requirement: str  # as pip reads it
    least: Version
    below: Version

    @property
    def name(self) -> str:
        """The folder of its environment."""
        return self.requirement.partition("==")[0].partition("[")[0]


@dataclass(frozen=True)
class Peer:
    """One way of a package to find duplicates."""

    tool: str  # a name in TOOLS of find_pairs.py
    package: Package
    # What is told of it: words, and the least score of the pairs that count.
    rules: tuple[tuple[str, float], ...]


FASTDUP = Package("fastdup==2.54", (3, 9), (3, 13))
IMAGEDEDUP = Package("imagededup==0.3.3.post2", (3, 9), (3, 13))
IMMACULATE = Package("immaculate[sscd]==0.3.0", (3, 12), (3, 15))
PEERS = (
    # 0.9 is the threshold of its run; 0.98 is what its log calls nearly identical.
    Peer("fastdup", FASTDUP, (("fastdup, from 0.9 on", 0.0), ("fastdup, from 0.98 on", 0.98))),
    Peer("imagededup-cnn", IMAGEDEDUP, (("imagededup, CNN", 0.0),)),
    Peer("imagededup-phash", IMAGEDEDUP, (("imagededup, PHash", 0.0),)),
    Peer("immaculate-pdq", IMMACULATE, (("immaculate, pdq", 0.0),)),
    Peer("immaculate-sscd_distilled", IMMACULATE, (("immaculate, sscd_distilled", 0.0),)),
    Peer("immaculate-sscd", IMMACULATE, (("immaculate, sscd", 0.0),)),
)


@dataclass(frozen=True)
class Ready:
    """A peer that works on this machine."""

    peer: Peer
    python: Path


def prepared(folder: Path | None, sample: Path, work: Path) -> tuple[list[Ready], list[str]]:
    """Install the peers below `folder` and run each once on the images in `sample`.

    The first run fetches weights and fills caches, so it is not measured. Returns the peers that
    work, and a line for each that is left out. Without `folder`, all are left out.
    """
    if folder is None:
        return [], ["Other tools are left out: PEERS names no folder for their environments."]
    pythons: dict[Package, Path | UserError] = {}
    for package in dict.fromkeys(peer.package for peer in PEERS):
        try:
            pythons[package] = require_python(package, folder)
        except UserError as error:
            pythons[package] = error
    found, left_out = [], []
    for peer in PEERS:
        try:
            python = pythons[peer.package]
            if isinstance(python, UserError):
                raise python
            ready = Ready(peer, python)
            say(f"bench: trying {peer.tool}")
            run(ready, sample, work)
            found.append(ready)
        except UserError as error:
            left_out.append(f"{peer.tool} is left out: {error}.")
            say(f"bench: {left_out[-1]}")
    return found, left_out


def require_python(package: Package, folder: Path) -> Path:
    """Return the Python of the package's environment, and make it first if it is not there.

    Raises UserError when no Python fits, or pip cannot install the package.
    """
    home = folder / package.name
    python, mark = home / "bin" / "python", home / _READY
    if mark.is_file() and mark.read_text(encoding="utf-8") == package.requirement:
        return python
    base = require_base(package)
    say(f"bench: installing {package.requirement}")
    shutil.rmtree(home, ignore_errors=True)
    _do([base, "-m", "venv", str(home)], f"no environment can be made in {home.name}")
    install = [str(python), "-m", "pip", "install", "--quiet", package.requirement]
    _do(install, f"pip cannot install {package.requirement}")
    mark.write_text(package.requirement, encoding="utf-8")
    return python


def require_base(package: Package) -> str:
    """Return a Python that the package takes; UserError when there is none."""
    for python in _pythons():
        done = subprocess.run([python, "-c", _ASK], capture_output=True, text=True, check=False)
        if done.returncode == 0:
            major, minor = map(int, done.stdout.split())
            if package.least <= (major, minor) < package.below:
                return python
    least = ".".join(map(str, package.least))
    raise UserError(f"{package.name} needs Python {least}, and PATH has none that it takes")


def run(ready: Ready, images: Path, work: Path) -> tuple[Measured, list[tuple[Pair, float]]]:
    """Run a peer on the files in `images`; return its cost, and its pairs with their scores.

    Raises UserError when it fails.
    """
    tool = ready.peer.tool
    folder = work / tool
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    table = folder.with_suffix(".csv")
    command = [str(ready.python), str(SCRIPT), tool, str(images), str(table), str(folder)]
    log = folder.with_suffix(".log")
    cost = measured(command, log, lambda _: tool, _environment())
    if cost.status:
        raise UserError(f"its run failed: {_last([line for _, line in cost.lines])}")
    return cost, list(_read(table))


def _read(table: Path) -> Iterator[tuple[Pair, float]]:
    with table.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            yield (row["left"], row["right"]), float(row["score"])


def _environment() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name not in _OURS}
    return kept | _SILENT


def _pythons() -> Iterator[str]:
    yield sys.executable
    for minor in range(14, 8, -1):
        for folder in os.get_exec_path():
            path = shutil.which(f"python3.{minor}", path=folder)
            if path:
                yield path


def _do(command: Sequence[str], failure: str) -> None:
    done = subprocess.run(command, env=_environment(), capture_output=True, text=True, check=False)
    if done.returncode:
        raise UserError(f"{failure}: {_last((done.stderr or done.stdout).splitlines())}")


def _last(lines: Sequence[str]) -> str:
    told = [line.strip() for line in lines if line.strip()]
    return told[-1].rstrip(".") if told else "it printed nothing"
