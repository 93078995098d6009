"""Learn the projection of the corpus, once; anew when asked to."""

from imgdedup import fit, job, pinned
from imgdedup.console import say
from imgdedup.contents import contents, keys_of, sample, the_one_model


def main(run: job.Run) -> job.Outcome:
    """Read a sample of `embeddings`, fit, keep the projection; or tell how the pinned one fits."""
    lake, config = run.lake, run.config.fit
    embeddings = lake.read("embeddings")
    model = the_one_model(embeddings)
    if model is None:
        return job.Outcome(0, 0, details={"fitted": "no image to learn from"})
    images = len(keys_of(embeddings.where("failure IS NULL")))
    projection, fitted = pinned.working(lake), "before"
    if projection is None or config.refit:
        keys, learned_from = sample(contents(embeddings), config.sample)
        projection = fit.fit(learned_from, images, model, config)
        fitted = f"now, on {len(keys)} images"
        pinned.keep(run.spark, lake, projection)
    pinned.check_model(projection, model)
    if images > projection.expected_images:
        say(fit.outgrown(images, projection))
    details = {"fitted": fitted, **fit.figures(images, projection)}
    return job.Outcome(images, int(fitted != "before"), model, details)


if __name__ == "__main__":
    job.main("fit", main)
