"""Scan the images of a day, and embed them: one row per image, with an embedding or a failure."""

from imgdedup.runtime import job
from imgdedup.stages import embed, scan

if __name__ == "__main__":
    job.main("embed", scan=scan.run, embed=embed.run)
