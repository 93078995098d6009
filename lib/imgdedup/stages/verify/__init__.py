"""verify: decides by geometry which candidates are copies, and explains each copy.

A verdict on a candidate is kept, so that verify compares two thumbnails only once.
"""

from imgdedup.stages.verify.stage import run

__all__ = ["run"]
