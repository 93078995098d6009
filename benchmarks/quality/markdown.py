"""The figures of a benchmark as a page to read."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from benchmarks.quality.corpus import EVERYDAY_KIND, KINDS, STRONG_KIND
from benchmarks.quality.explanations import BOX_TOLERANCE, SCALE_TOLERANCE

_OURS = "imgdedup"


def page(result: Mapping[str, Any]) -> str:
    """The page for the figures that `__main__` collects."""
    ours = result["ours"]
    parts = [
        f"# Quality: {result['name']}",
        f"    {result['command']}",
        _about(result),
        "## Against simpler rules",
        _comparison(result),
        "## By edit",
        _by_edit(ours),
        "## By edit, beside the simpler rules",
        _rules_by_edit(result),
        "## Descriptors",
        _descriptors(result["descriptors"]),
        "## False pairs and removals",
        _wrong(ours),
        "## Explanation",
        _explanation(ours),
        "## Cost",
        _cost(ours),
        "## Versions",
        ", ".join(f"{name} {value}" for name, value in sorted(ours["versions"].items()))
        + f"; model `{ours['model']}`.",
    ]
    return "\n\n".join(parts) + "\n"


def _about(result: Mapping[str, Any]) -> str:
    corpus = result["corpus"]
    left_out = ", ".join(f"{count} {why}" for why, count in corpus["left_out"].items())
    half = f", half {corpus['half']} of its categories" if corpus["half"] else ""
    folders = corpus["copies_of"]
    within = f" in {len(folders)} of its folders ({', '.join(folders)})" if folders else ""
    return (
        f"{result['date']}, on {result['machine']}. {corpus['photos']:,} photographs of "
        f"{corpus['source']}{half} (left out: {left_out}). Seed {corpus['seed']} chose "
        f"{corpus['originals']} of them{within}, and each has {corpus['edits']} edited copies and "
        f"an exact one: {corpus['files']:,} files in all. A recall is the share of the edited "
        "copies whose pair with their photograph is found. A false pair joins two different "
        "photographs, with an edited copy among the two. Pairs of two untouched photographs are "
        "counted apart, because they may be duplicates that nobody labelled."
    )


def _comparison(result: Mapping[str, Any]) -> str:
    ours = result["ours"]
    rows = [
        [
            _OURS,
            *(ours["recall"][kind]["pair"] for kind in (EVERYDAY_KIND, STRONG_KIND)),
            sum(ours["false_pairs"].values()),
            ours["untouched_pairs"]["all"],
            *(ours["recall"][kind]["at_10"] for kind in (EVERYDAY_KIND, STRONG_KIND)),
            ours["precision"],
        ]
    ]
    for rule in result["baselines"]:
        name = rule["rule"]
        if name.startswith("cosine,"):
            name += f" (at {rule['threshold']:.4f})"
        rows.append(
            [
                name,
                *(rule["recall"][kind] for kind in (EVERYDAY_KIND, STRONG_KIND)),
                rule["false_pairs"],
                rule["untouched_pairs"],
                *(rule["at_10"][kind] for kind in (EVERYDAY_KIND, STRONG_KIND)),
                rule["precision"],
            ]
        )
    heads = (
        "rule", "recall, everyday", "recall, strong", "false pairs", "pairs of untouched",
        "at 10, everyday", "at 10, strong", "micro-AP",
    )  # fmt: skip
    return _table(heads, rows)


def _by_edit(ours: Mapping[str, Any]) -> str:
    keys = ("copies", "pair", "group", "candidate", "at_10", "at_20")
    heads = ("edit", "copies", "pair", "group", "candidate", "at 10", "at 20")
    figures = _in_order(ours["recall_by_edit"], ours["recall"])
    rows = [[name, *(found[key] for key in keys)] for name, found in figures.items()]
    note = (
        "`pair`: the copy has a pair with its photograph (a collage: with any of its four). "
        "`group`: the two are in one group. `candidate`: the two are a candidate. `at 10`, "
        "`at 20`: the photograph is among the copy's 10 or 20 candidates of the highest margin; "
        "other copies do not count among them."
    )
    return f"{_table(heads, rows)}\n\n{note}"


def _rules_by_edit(result: Mapping[str, Any]) -> str:
    """The recall of our pairs, and beside it that of the simpler rules, by edit."""
    ours, rules = result["ours"], result["baselines"]
    pairs = _in_order(ours["recall_by_edit"], ours["recall"])
    others = [_in_order(rule["recall_by_edit"], rule["recall"]) for rule in rules]
    rows = [
        [name, found["pair"], *(recalls[name] for recalls in others)]
        for name, found in pairs.items()
    ]
    return _table(["edit", _OURS, *(rule["rule"] for rule in rules)], rows)


def _descriptors(descriptors: Sequence[Mapping[str, Any]]) -> str:
    """The recall of the candidates of each descriptor, by kind and folder, then by edit."""
    prices = list(descriptors[0]["at"])
    kinds = (EVERYDAY_KIND, STRONG_KIND)
    rows = []
    for figures in descriptors:
        at, head = figures["at"], [figures["descriptor"], f"{figures['side']} px"]
        recalls = [at[price]["recall"].get(kind) for kind in kinds for price in prices]
        rows.append([*head, f"{figures['milliseconds']:.1f} ms", "all", *recalls])
        folders = at[prices[0]]["recall_by_folder"]
        for folder in folders if len(folders) > 1 else []:
            recalls = [
                at[price]["recall_by_folder"][folder].get(kind)
                for kind in kinds
                for price in prices
            ]
            rows.append([*head, "", folder, *recalls])
    at_prices = [f"{kind} at {price}" for kind in kinds for price in prices]
    by_kind = _table(["descriptor", "input", "an image", "copies of", *at_prices], rows)
    first = [_in_order(figures["at"][prices[0]]["recall_by_edit"], {}) for figures in descriptors]
    names = [f"{figures['descriptor']}, {figures['side']} px" for figures in descriptors]
    edits = [[edit, *(recalls[edit] for recalls in first)] for edit in first[0]]
    note = (
        "The share of the copies whose photograph reaches the margin at which an image has "
        f"{', '.join(prices[:-1])} or {prices[-1]} false candidates among the untouched "
        "photographs. Each descriptor has a projection fitted to its own embeddings of this "
        "corpus. The first descriptor is the run's own. `an image`: the time of the network "
        f"alone. By edit, at {prices[0]}:"
    )
    return f"{by_kind}\n\n{note}\n\n{_table(['edit', *names], edits)}"


def _in_order(by_edit: Mapping[str, Any], by_kind: Mapping[str, Any]) -> dict[str, Any]:
    """The figures by edit, everyday edits first; after the edits of a kind those of the kind."""
    figures = {}
    for kind in (EVERYDAY_KIND, STRONG_KIND):
        edits = [edit for edit, of_kind in KINDS.items() if of_kind == kind]
        figures.update({edit: by_edit[edit] for edit in edits if edit in by_edit})
        if kind in by_kind:
            figures[f"**{kind}**"] = by_kind[kind]
    return figures


def _wrong(ours: Mapping[str, Any]) -> str:
    false, untouched, exact = ours["false_pairs"], ours["untouched_pairs"], ours["exact_copies"]
    return "\n".join(
        [
            f"- false pairs with an everyday copy: {false[EVERYDAY_KIND]}; with a strong one: "
            f"{false[STRONG_KIND]}",
            f"- pairs of two untouched photographs: {untouched['all']}, of which "
            f"a person judged {untouched['judged_duplicates']} to be duplicates",
            f"- images removed for another photograph's sake: {ours['false_removals']}",
            f"- exact copies found: {exact['found']} of {exact['all']}",
        ]
    )


def _explanation(ours: Mapping[str, Any]) -> str:
    heads = (
        "edit", "pairs", "aim", "box", "scale", "rotation", "mirror",
        "median box error", "median scale error", "called",
    )  # fmt: skip
    keys = (
        "pairs", "aim", "box", "scale", "rotation", "mirror", "box_error", "scale_error"
    )  # fmt: skip
    rows = []
    ordered = _in_order(ours["explanation_by_edit"], ours["explanation"])
    for name, figures in ordered.items():
        labels = ours["labels"].get(name, {})
        called = "; ".join(f"{label} ({count})" for label, count in labels.items())
        rows.append([name, *(figures[key] for key in keys), called])
    note = (
        f"Shares of the pairs found whose crop box is within {BOX_TOLERANCE:.0%} of the side, "
        f"whose scale is within {SCALE_TOLERANCE:.0%}, whose rotation is within two degrees and "
        "whose mirroring is right. `aim`: box, scale and mirroring are all right. After a change "
        "of perspective only the mirroring counts."
    )
    return f"{_table(heads, rows)}\n\n{note}"


def _cost(ours: Mapping[str, Any]) -> str:
    rows = [
        [stage, f"{figures['seconds']:.1f}", figures["rows_in"], figures["rows_out"]]
        for stage, figures in ours["stages"].items()
    ]
    return (
        f"{_table(('stage', 'seconds', 'rows in', 'rows out'), rows)}\n\n"
        f"{1000 * ours['seconds_per_image']:.1f} ms per image to embed; "
        f"{1000 * ours['seconds_per_candidate']:.2f} ms per candidate to verify, "
        f"{ours['candidates_per_image']:.1f} candidates per image."
    )


def _table(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    lines = [_line(heads), _line(["---"] * len(heads))]
    return "\n".join([*lines, *(_line([_cell(value) for value in row]) for row in rows)])


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _cell(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:.4f}"
    return f"{value:,}" if isinstance(value, int) else str(value)
