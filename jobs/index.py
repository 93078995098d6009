"""Bring the collection in Milvus to exactly the distinct contents of all embeddings."""

from imgdedup.runtime import job
from imgdedup.stages import index

if __name__ == "__main__":
    job.main("index", index.run)
