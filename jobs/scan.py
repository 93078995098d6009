"""List a folder or prefix, or take the user's own Parquet, into the day's manifest."""

from imgdedup import job, scan, sources
from imgdedup.errors import UserError


def main(run: job.Run) -> job.Outcome:
    """Find the manifest's rows, check them, write `manifest`."""
    lake, location = run.lake, run.manifest.replace("{dt}", run.dt)
    if run.config.lake.repair:
        return job.Outcome(0, 0, details={"repair": "manifests stay as they are"})
    if not location:
        own = lake.path("manifest", run.dt)
        rows = scan.check_manifest(lake.read_day("manifest", run.dt), own).count()
        return job.Outcome(rows, rows, details={"source": own})
    details: dict[str, object] = {"source": location}
    if parquet := scan.parquet_of(location, run.dt):
        manifest = scan.read_parquet(run.spark, parquet)
    else:
        if len(run.days) > 1 and "{dt}" not in run.manifest:
            raise UserError(
                f"{location} would be every day of the range: write {{dt}} where the day stands"
            )
        sources.reader_of(run.config.embed).check(location)
        listing = scan.list_images(location, run.config.scan)
        manifest = run.spark.createDataFrame(listing.table).coalesce(1)
        details |= {"hidden": listing.hidden, "linked_folders": listing.linked_folders}
    rows = manifest.count()
    written = lake.replace("manifest", run.dt, manifest, expected_rows=rows)
    return job.Outcome(rows, written, details=details)


if __name__ == "__main__":
    job.main("scan", main, each_day=True)
