"""Embed one day's manifest: one row per image, with an embedding or with a failure."""

from pyspark.sql import Observation

from imgdedup import embed, job, reconcile


def main(run: job.Run) -> job.Outcome:
    """Read the manifest, embed it, write `embeddings`."""
    lake, config = run.lake, run.config.embed
    if run.config.lake.repair:
        rows = reconcile.everything(lake)
        return job.Outcome(rows, rows, details={"repair": "embeddings stay as they are"})
    manifest = lake.read_day("manifest", run.dt)
    rows = manifest.count()
    seen = Observation("embed")
    embedded = embed.embed(manifest, rows, config, embed.default_factory(config))
    written = lake.replace(
        "embeddings",
        run.dt,
        embedded.observe(seen, *embed.metrics()),
        expected_rows=rows,
        check=lambda: embed.same_model(seen.get["models"]),
    )
    failures = embed.failures(lake.read_day("embeddings", run.dt))
    details = embed.figures(seen.get, failures)
    return job.Outcome(rows, written, embed.same_model(seen.get["models"]), details)


if __name__ == "__main__":
    job.main("embed", main, each_day=True)
