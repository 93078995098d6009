"""`make bench-quality`: measures recall and false pairs on edited copies of photographs.

python -m benchmarks.quality [--photos FOLDER [--half a|b] [--copies-of FOLDERS]] [--out FOLDER]
    [--weights WEIGHTS ...] [--name NAME]
"""

import argparse
import csv
import json
import shutil
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from typing import Any

from benchmarks import machine
from benchmarks.commands import RESULTS, repeating, status_of
from benchmarks.quality import baselines, corpus, descriptors, photos, results
from benchmarks.quality.findings import Families, findings
from benchmarks.quality.markdown import page
from benchmarks.quality.sheets import draw_sheets, thumbnails
from imgdedup import config
from imgdedup.config import Config
from imgdedup.console import say
from imgdedup.corpora.folders import read_folder_names
from imgdedup.errors import UserError
from imgdedup.local.run import parsed_settings, require_local_folder, run
from imgdedup.local.workspace import CONF

DAY = "2026-01-01"
_MARK = ".bench-quality"
_PREFIX = "photos/"  # of an untouched photograph's image_id


def main() -> int:
    """Read the arguments and run the benchmark; a UserError becomes one line and status 2."""
    arguments = _arguments()
    return status_of("bench-quality", lambda: bench(arguments))


def bench(arguments: argparse.Namespace) -> int:
    """Build the corpus, run the jobs on it, evaluate what they wrote; return the exit status."""
    out = require_local_folder(arguments.out)
    settings = parsed_settings(arguments.set)
    configured = config.load(CONF, "local", settings)
    claim(out, arguments.photos)
    judged = judged_pairs(arguments.judged, arguments.photos) if arguments.judged else []
    if arguments.evaluate_only:
        built = corpus.load(out / "corpus")
    else:
        built = corpus.ensure(
            out / "corpus",
            _photographs(arguments),
            arguments.originals,
            arguments.seed,
            _about(arguments),
            read_folder_names(arguments.copies_of) if arguments.copies_of else (),
        )
        say(f"bench-quality: {len(built.truth)} files in {built.files}")
        shutil.rmtree(out / "lake", ignore_errors=True)
        status = run(str(built.files), out / "lake", DAY, settings=settings)
        if status:
            return status
    say("bench-quality: evaluating")
    result = evaluate(out, built, judged, arguments.weights, configured)
    result = {"name": arguments.name or "here", "command": command(arguments), **result}
    folders = [out / "report", *([RESULTS] if arguments.name else [])]
    for folder in folders:
        folder.mkdir(parents=True, exist_ok=True)
        name = arguments.name or "quality"
        (folder / f"{name}.md").write_text(page(result), encoding="utf-8")
        (folder / f"{name}.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print("\n" + page(result))
    say(f"bench-quality: the tables, contact sheets and lists of pairs are in {out / 'report'}")
    return 0


def evaluate(
    out: Path,
    built: corpus.Corpus,
    judged: list[tuple[str, str]],
    weights: Sequence[str],
    configured: Config,
) -> dict[str, Any]:
    """Evaluate the lake under `out`; write contact sheets and lists of what is missed or false.

    `weights` are descriptors to compare with the run's own; see `descriptors.embedded`.
    """
    lake, report = out / "lake", out / "report"
    found = findings(lake, DAY)
    if set(found.images["image_id"]) != {row.image_id for row in built.truth}:
        raise UserError(f"the tables in {lake} are not of this corpus: run the benchmark in full")
    families = Families(built.truth, found.images, judged)
    outcome = results.evaluation(built, families, found)

    report.mkdir(parents=True, exist_ok=True)
    outcome.copies[~outcome.copies["pair"]].to_csv(report / "missed.csv", index=False)
    outcome.removals.to_csv(report / "false-removals.csv", index=False)
    outcome.explained.to_csv(report / "explanations.csv", index=False)
    for name, pairs in (
        ("false-pairs", outcome.false_pairs),
        ("untouched-pairs", outcome.untouched_pairs),
    ):
        pairs.to_csv(report / f"{name}.csv", index=False)
        pictures = thumbnails(lake, DAY, [*pairs["one"], *pairs["other"]])
        draw_sheets(pairs, pictures, report, name)

    contents = sorted(families.truth)
    paths = [built.files / families.truth[content].image_id for content in contents]
    vectors, local = baselines.descriptions(lake, DAY, contents)
    cosine = baselines.scored(contents, families, baselines.cosines(vectors))
    hashes = baselines.agreements(baselines.perceptual_hashes(paths))
    peers = results.baselines(cosine, baselines.scored(contents, families, hashes))
    others = (descriptors.embedded(spec, paths, configured.embed, out) for spec in weights)
    own = descriptors.of_run(vectors, found.runs)
    compared = chain(
        [own.beside(local), own, descriptors.local_alone(local)],
        (each for other in others for each in (other.beside(local), other)),
    )
    return {
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "machine": machine.described(),
        "corpus": dict(built.description),
        "ours": results.plain(results.ours(outcome, found)),
        "baselines": results.plain(peers),
        "descriptors": [
            results.plain(descriptors.figures(each, contents, families, configured.fit))
            for each in compared
        ],
    }


def claim(out: Path, photographs: Path | None) -> None:
    """Mark `out` as the folder of a benchmark, which may then replace its own folders in it.

    Raises UserError when `out` has something in it but no mark, when it lies among the
    photographs, and when it cannot be written.
    """
    if photographs and out.is_relative_to(photographs.expanduser().resolve()):
        raise UserError(f"{out} lies among the photographs: choose another OUT")
    mark = out / _MARK
    try:
        if not mark.exists() and out.exists() and any(out.iterdir()):
            raise UserError(f"{out} holds something other than a benchmark: choose another OUT")
        out.mkdir(parents=True, exist_ok=True)
        mark.touch()
    except OSError as error:
        raise UserError(f"cannot write to {out}: {error.strerror}") from None


def judged_pairs(file: Path, photographs: Path | None) -> list[tuple[str, str]]:
    """Read pairs of photographs from a CSV file, such as rows of `untouched-pairs.csv`.

    Its columns are `one` and `other`. A value is one of three things: a path below the folder of
    photographs; a path below the folder in it that has the file's name; the image id of an
    untouched photograph. Raises UserError when the file cannot be read or lacks a column.
    """
    inside = photographs is not None and (photographs.expanduser() / file.stem).is_dir()
    below = f"{file.stem}/" if inside else ""
    try:
        with file.open(encoding="utf-8", newline="") as lines:
            rows = list(csv.DictReader(lines))
        return [
            (below + row["one"].removeprefix(_PREFIX), below + row["other"].removeprefix(_PREFIX))
            for row in rows
        ]
    except OSError as error:
        raise UserError(f"cannot read {file}: {error.strerror}") from None
    except (KeyError, AttributeError):
        raise UserError(f"{file} needs the columns one and other in every row") from None


def command(arguments: argparse.Namespace) -> str:
    """The command that repeats the benchmark; a folder shows as its last name."""
    values: Mapping[str, object] = {
        "PHOTOS": arguments.photos.expanduser().resolve().name if arguments.photos else None,
        "HALF": arguments.half,
        "COPIES_OF": _shown(arguments.copies_of),
        "WEIGHTS": " ".join(Path(spec).name for spec in arguments.weights) or None,
        "ORIGINALS": arguments.originals,
        "SEED": arguments.seed,
        "JUDGED": f"benchmarks/judged/{arguments.judged.name}" if arguments.judged else None,
        "NAME": arguments.name,
    }
    return repeating("bench-quality", values)


def _shown(folders: str | None) -> str | None:
    """The path in `benchmarks` of a file of names; the name of a folder unchanged."""
    return f"benchmarks/{Path(folders).name}" if folders and Path(folders).is_file() else folders


def _photographs(arguments: argparse.Namespace) -> dict[str, Path]:
    if arguments.photos:
        return photos.below(arguments.photos.expanduser(), arguments.half)
    if arguments.half:
        raise UserError("HALF needs a folder with categories: name the folder with PHOTOS")
    return photos.of_packages()


def _about(arguments: argparse.Namespace) -> dict[str, Any]:
    packages = "scikit-image and scikit-learn"
    source = arguments.photos.expanduser().resolve().name if arguments.photos else packages
    return {"source": source, "half": arguments.half}


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.quality", description=__doc__)
    parser.add_argument(
        "--photos",
        type=Path,
        help="folder of photographs, searched through all its sub-folders; without it, the 21 "
        "photographs that scikit-image and scikit-learn carry: enough to see the benchmark work, "
        "too few to measure by",
    )
    parser.add_argument(
        "--half", choices=["a", "b"], help="take only every other sub-folder, in order of the names"
    )
    parser.add_argument(
        "--copies-of",
        metavar="FOLDERS",
        help="make copies only of photographs in the folder of this name, or in the folders that a "
        "file names, one a line; all other photographs take part untouched",
    )
    parser.add_argument(
        "--weights",
        nargs="*",
        default=[],
        help='descriptors to compare with the run\'s own: "random", or as embed.weights; @PIXELS '
        "behind a name sets another input size",
    )
    parser.add_argument("--out", default="out/bench-quality", help="folder for all results")
    parser.add_argument("--name", help="keep the figures in benchmarks/results, by this name")
    parser.add_argument(
        "--originals", type=int, default=400, help="how many photographs get copies"
    )
    parser.add_argument("--seed", type=int, default=0, help="draws photographs, amounts of edits")
    parser.add_argument(
        "--judged", type=Path, help="CSV of photographs (one, other) known to be duplicates"
    )
    parser.add_argument(
        "--evaluate-only", action="store_true", help="evaluate an earlier run in --out again"
    )
    parser.add_argument(
        "--set", action="append", default=[], metavar="section.key=value", help="single settings"
    )
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
