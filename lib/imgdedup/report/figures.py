"""What the days of a lake hold, in numbers; the numbers of several days together."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

BIN = 0.05  # width of a bin of margins
EXAMPLES = 3  # failed images shown of each code
SOURCES = 12  # sources shown; the rest are one line
EDITS = 24  # edits shown; the rest are one line
REST = "all others"


@dataclass
class Figures:
    """Counts of one day, or of several together."""

    images: int = 0
    image_bytes: int = 0
    file_bytes: int = 0  # a file with several names or days counts once
    failures: Counter[str] = field(default_factory=Counter)  # by code
    examples: dict[str, list[tuple[str, str]]] = field(default_factory=dict)  # image and detail
    pairs: Counter[str] = field(default_factory=Counter)  # by kind
    edits: Counter[str] = field(default_factory=Counter)  # near pairs, by edit without amounts
    candidates: Counter[int] = field(default_factory=Counter)  # by bin of the margin
    copies: Counter[int] = field(default_factory=Counter)  # near pairs, by bin of the margin
    removed: int = 0
    saved: dict[str, "Saved"] = field(default_factory=dict)  # by source

    @property
    def failed(self) -> int:
        """Images without an embedding."""
        return self.failures.total()

    @property
    def kept(self) -> int:
        """Images of `deduplicated`."""
        return self.images - self.removed

    @property
    def saved_bytes(self) -> int:
        """Bytes of all files that would go."""
        return sum(saved.bytes for saved in self.saved.values())

    def told_failures(self) -> list[tuple[str, int, list[tuple[str, str]]]]:
        """Code, images and examples, most frequent first."""
        ordered = sorted(self.failures.items(), key=lambda item: (-item[1], item[0]))
        return [(code, count, self.examples.get(code, [])) for code, count in ordered]

    def told_edits(self) -> list[tuple[str, int]]:
        """Edits and their pairs, most frequent first."""
        ordered = sorted(self.edits.items(), key=lambda item: (-item[1], item[0]))
        rest = sum(count for _, count in ordered[EDITS:])
        return ordered[:EDITS] + ([(REST, rest)] if rest else [])

    def told_sources(self) -> list[tuple[str, "Saved"]]:
        """Sources and what removal saves there, most bytes first."""
        ordered = sorted(self.saved.items(), key=lambda item: (-item[1].bytes, item[0]))
        rest = [saved for _, saved in ordered[SOURCES:]]
        return ordered[:SOURCES] + ([(REST, _together(rest))] if rest else [])


@dataclass(frozen=True)
class Saved:
    """Files that would go, and their bytes."""

    files: int
    bytes: int


def _together(parts: Iterable[Saved]) -> Saved:
    found = list(parts)
    return Saved(sum(each.files for each in found), sum(each.bytes for each in found))


def total(days: Iterable[Figures]) -> Figures:
    """The figures of several days together."""
    found = Figures()
    for day in days:
        found.images += day.images
        found.image_bytes += day.image_bytes
        found.file_bytes += day.file_bytes
        found.removed += day.removed
        found.failures += day.failures
        found.pairs += day.pairs
        found.edits += day.edits
        found.candidates += day.candidates
        found.copies += day.copies
        for code, examples in day.examples.items():
            found.examples[code] = (found.examples.get(code, []) + examples)[:EXAMPLES]
        for source, saved in day.saved.items():
            found.saved[source] = _together([found.saved.get(source, Saved(0, 0)), saved])
    return found
