"""The model card of a trained descriptor."""

from collections.abc import Mapping, Sequence

from imgdedup.encoder.training.recipe import Recipe


def render(
    recipe: Recipe,
    *,
    photographs: int,
    heldout: int,
    failures: Mapping[str, int],
    device: str,
    history: Sequence[Mapping[str, float]],
    full: Mapping[str, float],
    stored: Mapping[str, float],
    worst_cosine: float,
    input_size: int,
    date: str,
) -> str:
    """Render the card as Markdown: data, recipe, figures and limits, as the training knows them."""
    sides = ", ".join(f"{share:.0%} at {side} px" for share, side in recipe.sides)
    left_out = ", ".join(f"{count:,} {reason}" for reason, count in failures.items()) or "none"
    kept = f", of which {', '.join(recipe.kept)} stay as they are" if recipe.kept else ""
    names = list(full)
    columns = ["minutes", "loss", *names]
    curve = [_row(f"{entry['views']:,.0f}", entry, columns) for entry in history]
    return "\n".join(
        [
            "# Descriptor for copies of photographs",
            "",
            "ResNet-50, torchvision's layout without its last layer; 2,048 values for each image "
            f"(power mean {recipe.pooling:g}, root {recipe.root:g}), which is squashed to a square "
            f"of {input_size} pixels. The descriptor finds edited copies of photographs, and has "
            "no other use: it does not know what or who is on a picture.",
            "",
            "## Training",
            "",
            f"- Trained until {date}.",
            f"- {photographs:,} photographs; {heldout:,} more held out for the figures below; "
            f"unreadable and left out: {left_out}.",
            f"- Start: {recipe.start}{kept}. {recipe.views:,} views, {sides}; {recipe.batch} "
            f"photographs a step, each in a mild and a strong view; seed {recipe.seed}.",
            f"- {_objective(recipe)}; AdamW, rate {recipe.rate}, decay {recipe.decay}, bf16.",
            f"- {_pooling(recipe)} over the places while training.",
            f"- {device}; {history[-1]['minutes']:.0f} minutes.",
            "",
            "## Figures",
            "",
            "Share of the copies of held-out photographs whose original is the nearest, or among "
            "the ten nearest, of these photographs and 2,000 others.",
            "",
            _row("descriptor", {name: name for name in names}, names),
            _row("---", dict.fromkeys(names, "---"), names),
            _row("as trained", full, names),
            _row("as stored (int8)", stored, names),
            "",
            f"Least cosine between the two for one image: {worst_cosine:.4f}.",
            "",
            "## Limits",
            "",
            "The descriptor has seen these photographs alone. It is less good at telling apart "
            "pictures of another kind (scans, drawings, satellite images). Its vectors cannot be "
            "compared with those of other weights. A cosine decides nothing by itself: a near "
            "picture may be a copy.",
            "",
            "## Curve",
            "",
            "The minutes do not include measuring. The recall is at "
            f"{recipe.side(recipe.steps)} pixels, as trained.",
            "",
            _row("views", {name: name for name in columns}, columns),
            _row("---", dict.fromkeys(columns, "---"), columns),
            *curve,
            "",
        ]
    )


def _objective(recipe: Recipe) -> str:
    if recipe.teacher:
        return (
            f"Centred cosine distance from the vectors of the teacher {recipe.teacher} (digest "
            f"{recipe.teacher_digest}) for the same views. The terms of its licence may hold for "
            "this descriptor, too"
        )
    return f"Contrastive loss at temperature {recipe.temperature}, entropy term x {recipe.entropy}"


def _pooling(recipe: Recipe) -> str:
    return "The power mean and the root" if recipe.pooled else "The plain mean"


def _row(first: str, values: Mapping[str, float | str], names: Sequence[str]) -> str:
    cells = [
        value if isinstance(value, str) else f"{value:.4f}"
        for value in (values[name] for name in names)
    ]
    return f"| {' | '.join([first, *cells])} |"
