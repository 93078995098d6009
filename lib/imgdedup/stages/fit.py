"""fit: learns the projection of the corpus and the threshold of candidates, once, and pins both.

Neither the projection nor the threshold changes before a person asks for a refit. So candidates do
not depend on the order of the days, and those of different days can be compared.
"""

from imgdedup.console import say
from imgdedup.relations.contents import (
    DESCRIBED,
    contents,
    count_contents,
    require_one_model,
    sample,
)
from imgdedup.runtime.run import Outcome, Run
from imgdedup.settling.pinned import publish_projection, read_projection, require_same_model
from imgdedup.space.learning import learn_projection
from imgdedup.space.projection import Projection


def run(run: Run) -> Outcome:
    """Learn from a sample of `embeddings` and pin the result, or tell how the pinned one fits."""
    lake, config = run.lake, run.config.fit
    embeddings = lake.read("embeddings")
    model = require_one_model(embeddings)
    if model is None:
        return Outcome(0, 0, details={"fitted": "no image to learn from"})
    images = count_contents(embeddings)
    projection, fitted = read_projection(lake), "before"
    if projection is None or config.refit:
        keys, learned_from, local = sample(contents(embeddings, *DESCRIBED), config.sample)
        projection = learn_projection(learned_from, images, model, config, local)
        fitted = f"now, on {len(keys)} images"
        publish_projection(lake, projection)
    require_same_model(projection, model)
    if images > projection.expected_images:
        say(outgrown_words(images, projection))
    details = {"fitted": fitted, **figures(images, projection)}
    return Outcome(images, int(fitted != "before"), model, details)


def figures(images: int, projection: Projection) -> dict[str, object]:
    """How the projection fits a corpus that now has `images` distinct contents."""
    return {
        "projection": projection.fingerprint,
        "dims": projection.dims,
        "local_weight": projection.weight,
        "background": len(projection.background),
        "threshold": projection.threshold,
        "fitted_images": projection.fitted_images,
        "expected_images": projection.expected_images,
        "outgrown": images > projection.expected_images,
    }


def outgrown_words(images: int, projection: Projection) -> str:
    """What to say when a corpus has more images than its threshold was chosen for."""
    return (
        f"fit: the corpus has {images:,} distinct images, and the threshold of candidates was "
        f"chosen for {projection.expected_images:,}: search and verify take longer than they need; "
        "refit (parameter refit of the DAG, make run REFIT=1)"
    )
