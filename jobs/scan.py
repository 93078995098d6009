"""List a folder or prefix, or take the user's own Parquet, into the manifest of a day."""

from imgdedup.runtime import job
from imgdedup.stages import scan

if __name__ == "__main__":
    job.main("scan", scan.run)
