"""Embed the manifest of a day: one row per image, with an embedding or with a failure."""

from imgdedup.runtime import job
from imgdedup.stages import embed

if __name__ == "__main__":
    job.main("embed", embed.run)
