"""search: proposes candidates, by asking Milvus for the neighbours of contents.

Candidates are all pairs of contents whose margin reaches the pinned threshold. New contents ask for
their neighbours. Contents that are gone lose their candidates.
"""

from imgdedup.stages.search.stage import run

__all__ = ["run"]
