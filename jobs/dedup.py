"""Search the candidates, verify which are copies, and group them: who is kept, who is removed."""

from imgdedup.runtime import job
from imgdedup.stages import group, search, verify

if __name__ == "__main__":
    job.main("dedup", search=search.run, verify=verify.run, group=group.run)
