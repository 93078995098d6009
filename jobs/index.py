"""Fit the projection of the corpus, and bring the collection in Milvus up to date."""

from imgdedup.runtime import job
from imgdedup.stages import fit, index

if __name__ == "__main__":
    job.main("index", fit=fit.run, index=index.run)
