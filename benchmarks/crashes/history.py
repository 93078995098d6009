"""The history whose stages are hurt: two days, then the first day again with other images."""

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from benchmarks.crashes.jobs import Job, started
from benchmarks.crashes.trials import Undisturbed, undisturbed
from benchmarks.pool import pictures
from imgdedup.console import say
from imgdedup.flow import JOBS, STAGES

FIRST, SECOND = "2026-01-01", "2026-01-02"
SETTINGS: Mapping[str, object] = {"fit.candidates_per_image": 2.0, "fit.expected_images": 20}

# The name in the pool, by image_id.
FIRST_IMAGES = {
    "a.jpg": "coffee",
    "b.jpg": "coffee gray",
    "c.jpg": "chelsea",
    "d.jpg": "chelsea crop",
    "e.jpg": "rocket bright",
    "f.jpg": "page",
    "g.jpg": "truncated",
}
SECOND_IMAGES = {
    "a.jpg": "coffee",
    "h.jpg": "coffee bright",
    "i.jpg": "chelsea",
    "j.png": "chelsea png",
    "k.jpg": "rocket",
    "l.jpg": "motorcycle_left",
    "m.jpg": "motorcycle_right",
    "n.jpg": "text",
}
# A keeper and a copy are gone, one image is another picture, one is new, one can be read now.
CHANGED_IMAGES = {
    "a.jpg": "coffee",
    "c.jpg": "coffee crop",
    "d.jpg": "chelsea crop",
    "f.jpg": "page",
    "g.jpg": "rocket gray",
    "o.png": "rocket png",
}
# Each run: its name, its day, its images, and the stages that are hurt. The last run replaces older
# results, so all of its stages are hurt, alone and in their jobs. Only the first run fits, and
# fills an empty collection.
_RUNS = (
    ("the first day", FIRST, {FIRST: FIRST_IMAGES}, ("fit", "index")),
    ("the second day", SECOND, {SECOND: SECOND_IMAGES}, ()),
    ("the first day again, changed", FIRST, {FIRST: CHANGED_IMAGES}, STAGES),
)


def undisturbed_stages(out: Path) -> list[Undisturbed]:
    """Run the whole history once below `out`; return the stages and the jobs to hurt."""
    found = []
    for number, (run, day, images, hurt) in enumerate(_RUNS):
        folder = out / "images" / str(number)
        write(folder, images)
        for stage in STAGES:
            job = Job((stage,), (day, day), out / "lake", folder, SETTINGS)
            kept = out / "kept" / f"{number}-{stage}"
            job.root.mkdir(parents=True, exist_ok=True)
            done = undisturbed(job, run, kept, partial(submitted, space=out / "space"))
            say(f"crashes: {stage} of {run}: {done.seconds:.1f} s undisturbed")
            if stage in hurt:
                found.append(done)
            else:
                shutil.rmtree(kept)
    return [*found, *_whole_jobs(found[-len(STAGES) :])]


def _whole_jobs(stages: Sequence[Undisturbed]) -> list[Undisturbed]:
    """The jobs of a run whose stages are known one by one."""
    found = []
    for job in JOBS:
        names = tuple(stage.name for stage in job.stages)
        of = [stage for stage in stages if stage.job.stages[0] in names]
        seconds = sum(stage.seconds for stage in of)  # a little more: each started Spark
        whole = replace(of[0].job, stages=names)
        found.append(replace(of[0], job=whole, after=of[-1].after, seconds=seconds))
    return found


def submitted(job: Job, space: Path) -> float:
    """Run a job undisturbed; return its seconds. Raises RuntimeError when the job fails."""
    with started(job, space) as running:
        status, seconds = running.ended(), running.seconds
        if status:
            raise RuntimeError(f"{job.name} failed: {running.said()}")
    return seconds


def write(folder: Path, days: Mapping[str, Mapping[str, str]]) -> None:
    """Write the images of each day, given by their names in the pool, into the day's folder."""
    for day, images in days.items():
        (folder / day).mkdir(parents=True)
        for image_id, name in images.items():
            (folder / day / image_id).write_bytes(pictures()[name])
