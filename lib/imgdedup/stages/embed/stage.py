"""The stage: reads the manifest of a day, embeds its images, replaces its `embeddings`."""

from pyspark.sql import Observation

from imgdedup.runtime.run import Outcome, Run
from imgdedup.settling.checks import count_embedded
from imgdedup.settling.settlement import is_repairing
from imgdedup.stages.embed import figures, reuse
from imgdedup.stages.embed.embedding import default_factory, embed


def run(run: Run) -> Outcome:
    """Embed the contents of a day that no day has embedded yet, and write `embeddings`."""
    lake, config = run.lake, run.config.embed
    if is_repairing(lake):
        rows = count_embedded(lake)
        return Outcome(rows, rows, details={"repair": "embeddings stay as they are"})
    manifest, stored = lake.read_day("manifest", run.dt), lake.read("embeddings")
    rows = manifest.count()
    failed_before = figures.failed_images(stored.where(stored.dt == run.dt)).localCheckpoint()
    known = reuse.find_known(stored, run.dt, config)
    seen = Observation("embed")
    rows_made = embed(manifest, rows, config, default_factory(config), known)
    rows_made = rows_made.observe(seen, *figures.metrics())
    if known:
        rows_made = reuse.fill_reused(rows_made, lambda: lake.read("embeddings"), run.dt, config)

    def check() -> None:
        figures.require_same_model(seen.get["models"])
        figures.require_few_failures(seen.get, rows, config.most_failures)

    written = lake.replace(
        "embeddings",
        run.dt,
        rows_made,
        expected_rows=rows,
        check=check,
    )
    embeddings = lake.read_day("embeddings", run.dt)
    details = figures.figures(seen.get, figures.count_healed(failed_before, embeddings))
    return Outcome(rows, written, figures.require_same_model(seen.get["models"]), details)
