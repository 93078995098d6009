"""A set of hashes in memory, for tests without Spark."""

from dataclasses import dataclass, field

import numpy as np

from imgdedup.relations.prefixes import NO_PREFIXES, SharedPrefixes


@dataclass(frozen=True)
class Given(SharedPrefixes):
    """Opens the prefixes that a test gives."""

    prefixes: np.ndarray = field(default_factory=NO_PREFIXES.copy)

    @staticmethod
    def of(*prefixes: bytes) -> "Given":
        return Given("", len(prefixes), np.sort(np.array(prefixes, NO_PREFIXES.dtype)))

    def open(self) -> np.ndarray:
        return self.prefixes
