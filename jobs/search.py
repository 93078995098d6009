"""Ask Milvus for the neighbours of new contents, and write the candidates."""

from imgdedup.runtime import job
from imgdedup.stages import search

if __name__ == "__main__":
    job.main("search", search.run)
