"""Counts in the tables of a run which copies it found, and which pairs and removals are false."""

from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd

from benchmarks.quality.corpus import PHOTO, Truth
from benchmarks.quality.findings import EVIDENCE, Families, Findings, Relation

RECALLS = ("pair", "group", "candidate", "at_10", "at_20")


def recall(truth: Sequence[Truth], families: Families, findings: Findings) -> pd.DataFrame:
    """One row for each copy: `image_id`, `photo`, `edit`, `kind`, `amount` and the RECALLS.

    `pair`, `group` and `candidate` tell whether the copy and a photograph that it shows are a pair,
    are in one group, and are a candidate. `at_10` and `at_20` tell whether the photograph is among
    the copy's 10 or 20 candidates of the highest margin; other copies are not counted. A copy with
    the bytes of the photograph counts as found. A copy that could not be read counts as missed.
    """
    joined = _contents(findings.pairs)
    near = _contents(findings.candidates)
    ranks = _ranks(families, findings.candidates)
    group = dict(zip(findings.groups["image_id"], findings.groups["group_id"], strict=True))
    photos = {row.photo: row.image_id for row in truth if row.kind == PHOTO}

    rows = []
    for row in truth:
        if row.kind == PHOTO:
            continue
        content = families.content.get(row.image_id)
        originals = families.originals(row) if content else []
        same = content in originals
        both = [frozenset((content, original)) for original in originals]
        own = group.get(row.image_id)
        rank = 0 if same else ranks.get(str(content), np.inf)
        rows.append(
            {
                "image_id": row.image_id,
                "photo": row.photo,
                "edit": row.edit,
                "kind": row.kind,
                "amount": row.amount,
                "pair": same or any(pair in joined for pair in both),
                "group": own is not None
                and any(own == group.get(photos[photo]) for photo in row.photos),
                "candidate": same or any(pair in near for pair in both),
                "at_10": rank < 10,
                "at_20": rank < 20,
            }
        )
    return pd.DataFrame(rows)


def _contents(table: pd.DataFrame) -> set[frozenset[str]]:
    return set(map(frozenset, zip(table["left_content"], table["right_content"], strict=True)))


def _ranks(families: Families, candidates: pd.DataFrame) -> dict[str, int]:
    """For each copy the rank, from 0, of its best photograph among its candidates by margin."""
    ranked = _against_photos(families, candidates, [])
    ranked = ranked.sort_values(["copy", "margin", "photo"], ascending=[True, False, True])
    ranked["rank"] = ranked.groupby("copy").cumcount()
    own = ranked[ranked["relation"] == Relation.SAME]
    return dict(own.groupby("copy")["rank"].min())


def _against_photos(families: Families, table: pd.DataFrame, columns: list[str]) -> pd.DataFrame:
    """The rows of a copy and an untouched photograph: `copy`, `photo`, `relation`, `margin`."""
    rows = [
        (one, other, families.relation(one, other), margin, *more)
        for left, right, margin, *more in _rows(
            table, ["left_content", "right_content", "margin", *columns]
        )
        for one, other in ((left, right), (right, left))
        if not families.is_photo(one) and families.is_photo(other)
    ]
    return pd.DataFrame(rows, columns=["copy", "photo", "relation", "margin", *columns])


def micro_average_precision(is_true: np.ndarray, positives: int) -> float:
    """The mean, over all positives, of the precision down to each in one ranking of all answers.

    `is_true` (n,) bool is the ranking, best first. The `positives` that it lacks count as 0.
    """
    if not positives:
        return float("nan")
    found = np.cumsum(is_true)
    precision = found / np.arange(1, len(is_true) + 1)
    return float(precision[is_true].sum() / positives)


def precision(families: Families, findings: Findings) -> float:
    """The micro-average precision of the candidates, verified ones first, then by margin.

    Answers and positives are pairs of a copy and an untouched photograph. Pairs that a person
    judged to be duplicates do not count. Of answers with equal margins the false ones come first.
    """
    answers = pd.concat([findings.candidates, findings.pairs[findings.pairs["kind"] == "near"]])
    verified = _contents(findings.pairs)
    ranked = _against_photos(families, answers, []).drop_duplicates(["copy", "photo"])
    ranked = ranked[ranked["relation"] != Relation.JUDGED]
    ranked["is_verified"] = [
        frozenset(both) in verified for both in _rows(ranked, ["copy", "photo"])
    ]
    ranked["is_true"] = ranked["relation"] == Relation.SAME
    ranked = ranked.sort_values(
        ["is_verified", "margin", "is_true"], ascending=[False, False, True]
    )
    return micro_average_precision(ranked["is_true"].to_numpy(dtype=bool), positives(families))


def positives(families: Families) -> int:
    """Count the true pairs of a copy and an untouched photograph, by distinct content."""
    return sum(
        len(set(families.originals(row)))
        for content, row in families.truth.items()
        if not families.is_photo(content)
    )


def questioned(families: Families, findings: Findings) -> pd.DataFrame:
    """The near pairs whose files show different photographs, by `touched`, the surest first.

    The columns are `one` and `other` (image ids), `touched` (the stronger edit of the two; PHOTO:
    both are untouched, and may be real duplicates), `is_judged` (a person judged them to be
    duplicates) and the evidence of the run.
    """
    pairs = findings.pairs[findings.pairs["kind"] == "near"]
    rows = []
    columns = ["left_content", "right_content", "similarity", *EVIDENCE]
    for left, right, *evidence in _rows(pairs, columns):
        relation = families.relation(left, right)
        if relation != Relation.SAME:
            names = sorted((families.truth[left].image_id, families.truth[right].image_id))
            touched = families.touched(left, right)
            rows.append((*names, touched, relation == Relation.JUDGED, *evidence))
    table = pd.DataFrame(rows, columns=["one", "other", "touched", "is_judged", *columns[2:]])
    return table.sort_values(
        ["touched", "margin", "one", "other"], ascending=[True, False, True, True]
    )


def false_removals(families: Families, findings: Findings) -> pd.DataFrame:
    """The images removed for a keeper that shows another photograph: `image_id`, `keeper_id`.

    Images whose photographs a person judged to be duplicates are not among them.
    """
    removed = findings.groups[~findings.groups["is_keeper"].astype(bool)]
    content = families.content
    wrong = [
        (image, keeper)
        for image, keeper in _rows(removed, ["image_id", "keeper_id"])
        if families.relation(content[image], content[keeper]) == Relation.DIFFERENT
    ]
    return pd.DataFrame(sorted(wrong), columns=["image_id", "keeper_id"])


def _rows(table: pd.DataFrame, columns: list[str]) -> Iterable[tuple]:
    return zip(*(table[column] for column in columns), strict=True)
