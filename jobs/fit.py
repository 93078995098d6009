"""Learn and pin the projection of the corpus, once; again when asked to refit."""

from imgdedup.runtime import job
from imgdedup.stages import fit

if __name__ == "__main__":
    job.main("fit", fit.run)
