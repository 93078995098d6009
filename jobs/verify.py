"""Decide the candidates by geometry, and write the pairs of duplicate images."""

from imgdedup.runtime import job
from imgdedup.stages import verify

if __name__ == "__main__":
    job.main("verify", verify.run)
