"""Group the pairs, choose keepers, and write the manifests without the duplicates."""

from imgdedup.runtime import job
from imgdedup.stages import group

if __name__ == "__main__":
    job.main("group", group.run)
