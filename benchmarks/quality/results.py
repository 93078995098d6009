"""All figures of a benchmark in one dictionary, fit for JSON."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from benchmarks.quality import evaluate, explanations
from benchmarks.quality.baselines import WORST, Scored
from benchmarks.quality.corpus import COPY, EVERYDAY_KIND, PHOTO, STRONG_KIND, Corpus
from benchmarks.quality.evaluate import RECALLS
from benchmarks.quality.findings import Families, Findings
from imgdedup.flow import STAGES

COSINES = (0.90, 0.95)
HASH_DISTANCES = (10, 6)


@dataclass(frozen=True)
class Evaluation:
    """The tables of an evaluation: one row for each copy, pair or image."""

    copies: pd.DataFrame  # evaluate.recall
    questioned: pd.DataFrame  # evaluate.questioned
    removals: pd.DataFrame  # evaluate.false_removals
    explained: pd.DataFrame  # explanations.accuracy
    precision: float

    @property
    def false_pairs(self) -> pd.DataFrame:
        """Pairs of different photographs with an edited copy among the two."""
        table = self.questioned
        return table[(table["touched"] != PHOTO) & ~table["is_judged"].astype(bool)]

    @property
    def untouched_pairs(self) -> pd.DataFrame:
        """Pairs of two untouched photographs: look-alikes, or duplicates that nobody labelled."""
        return self.questioned[self.questioned["touched"] == PHOTO]


def evaluation(corpus: Corpus, families: Families, findings: Findings) -> Evaluation:
    """Compare the findings with the truth."""
    return Evaluation(
        evaluate.recall(corpus.truth, families, findings),
        evaluate.questioned(families, findings),
        evaluate.false_removals(families, findings),
        explanations.accuracy(families, findings.pairs),
        evaluate.precision(families, findings),
    )


def ours(found: Evaluation, findings: Findings) -> dict[str, Any]:
    """What the run found, and at what cost."""
    copies, untouched = found.copies, found.untouched_pairs
    edited = copies[copies["kind"] != COPY]
    exact = copies[copies["kind"] == COPY]
    return {
        "recall": _recalls(edited, "kind"),
        "recall_by_edit": _recalls(edited, "edit"),
        "exact_copies": {"all": len(exact), "found": int(exact["pair"].sum())},
        "false_pairs": {
            kind: int((found.false_pairs["touched"] == kind).sum())
            for kind in (EVERYDAY_KIND, STRONG_KIND)
        },
        "untouched_pairs": {
            "all": len(untouched),
            "judged_duplicates": int(untouched["is_judged"].sum()),
        },
        "false_removals": len(found.removals),
        "precision": found.precision,
        "explanation": _explained(found.explained, "kind"),
        "explanation_by_edit": _explained(found.explained, "edit"),
        "labels": _labels(found.explained),
        **_cost(findings),
    }


def baselines(cosine: Scored, hashes: Scored) -> list[dict[str, Any]]:
    """The figures of thresholds on the cosine of the embeddings and on a perceptual hash."""
    cosine_rules = {
        **{f"cosine >= {value:.2f}": value for value in COSINES},
        "cosine, no false pair": cosine.least_threshold(0),
        f"cosine, {WORST} false pairs": cosine.least_threshold(WORST),
    }
    hash_rules = {
        f"perceptual hash, distance <= {distance}": 1 - distance / 64 for distance in HASH_DISTANCES
    }
    return [
        {"rule": rule, **scored.outcome(threshold), "precision": scored.precision, **_at(scored)}
        for scored, rules in ((cosine, cosine_rules), (hashes, hash_rules))
        for rule, threshold in rules.items()
    ]


def _at(scored: Scored) -> dict[str, Any]:
    """Recall among the 10 and 20 untouched photographs of the highest score."""
    ranks = scored.copies.groupby("kind")["rank"]
    return {
        f"at_{k}": dict(ranks.apply(lambda rank, k=k: float((rank < k).mean()))) for k in (10, 20)
    }


def _recalls(copies: pd.DataFrame, by: str) -> dict[str, dict[str, float]]:
    grouped = copies.groupby(by, sort=False)
    table = grouped[list(RECALLS)].mean().assign(copies=grouped.size())
    return _records(table)


def _explained(rows: pd.DataFrame, by: str) -> dict[str, dict[str, float]]:
    return _records(explanations.summary(rows, by)) if len(rows) else {}


def _labels(rows: pd.DataFrame) -> dict[str, dict[str, int]]:
    """For each edit the labels that the run gives its copies: the three most frequent."""
    return {
        str(edit): dict(labels.value_counts().head(3))
        for edit, labels in rows.groupby("edit", sort=False)["label"]
    }


def _records(table: pd.DataFrame) -> dict[str, dict[str, float]]:
    return {str(name): dict(row) for name, row in table.to_dict("index").items()}


def _cost(findings: Findings) -> dict[str, Any]:
    """Seconds and rows of each stage; seconds per image embedded and per candidate verified."""
    done = findings.runs[findings.runs["status"] == "succeeded"].sort_values("started_at")
    latest = done.drop_duplicates("stage", keep="last").set_index("stage")
    stages: dict[str, dict[str, Any]] = {
        str(stage): {
            "seconds": float(row["seconds"]),
            "rows_in": int(row["rows_in"]),
            "rows_out": int(row["rows_out"]),
            # The source is left out: it is a path of this machine.
            "details": {k: v for k, v in dict(row["details"] or {}).items() if k != "source"},
        }
        for stage, row in latest.iterrows()
    }
    images, candidates = len(findings.images), len(findings.candidates)
    return {
        "images": images,
        "candidates": candidates,
        "candidates_per_image": candidates / max(1, images),
        "pairs": dict(findings.pairs["kind"].value_counts()),
        "seconds_per_image": stages["embed"]["seconds"] / max(1, images),
        "seconds_per_candidate": stages["verify"]["seconds"] / max(1, candidates),
        "stages": dict(sorted(stages.items(), key=lambda item: _stage_order(item[0]))),
        "model": str(latest.loc["embed", "model"]),
        "versions": dict(latest.loc["embed", "versions"] or {}),
    }


def _stage_order(stage: str) -> tuple[int, str]:
    return (STAGES.index(stage) if stage in STAGES else len(STAGES), stage)


def plain(value: Any) -> Any:
    """Make a value fit for JSON: numpy's numbers become Python's, and NaN becomes None."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [plain(item) for item in value]
    if hasattr(value, "item"):
        value = value.item()
    return None if isinstance(value, float) and math.isnan(value) else value
