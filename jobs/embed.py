"""Embed one day's manifest: one row per image, with an embedding or with a failure."""

from pyspark.sql import Observation

from imgdedup import embed, job, reconcile, reuse


def main(run: job.Run) -> job.Outcome:
    """Read the manifest, embed the contents that no day has embedded yet, write `embeddings`."""
    lake, config = run.lake, run.config.embed
    if run.config.lake.repair:
        rows = reconcile.everything(lake)
        return job.Outcome(rows, rows, details={"repair": "embeddings stay as they are"})
    manifest, stored = lake.read_day("manifest", run.dt), lake.read("embeddings")
    rows = manifest.count()
    failed_before = embed.failed_images(stored.where(stored.dt == run.dt)).localCheckpoint()
    known = reuse.known(stored, run.dt, config)
    seen = Observation("embed")
    embedded = embed.embed(manifest, rows, config, embed.default_factory(config), known)
    embedded = embedded.observe(seen, *embed.metrics())
    if known:
        embedded = reuse.filled(embedded, lambda: lake.read("embeddings"), run.dt, config)
    written = lake.replace(
        "embeddings",
        run.dt,
        embedded,
        expected_rows=rows,
        check=lambda: embed.same_model(seen.get["models"]),
    )
    embeddings = lake.read_day("embeddings", run.dt)
    details = embed.figures(
        seen.get, embed.failures(embeddings), embed.healed(failed_before, embeddings)
    )
    return job.Outcome(rows, written, embed.same_model(seen.get["models"]), details)


if __name__ == "__main__":
    job.main("embed", main, each_day=True)
