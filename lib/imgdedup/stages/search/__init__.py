"""search: proposes candidates, by a self-join of the contents through Milvus.

Candidates are all pairs of contents whose margin reaches the pinned threshold. Contents that are
new ask for their neighbours; contents that are gone take their candidates with them.
"""

from imgdedup.stages.search.stage import run

__all__ = ["run"]
