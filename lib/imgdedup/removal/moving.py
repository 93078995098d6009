"""Makes the moves of a plan, batch by batch, each batch between two entries of the journal."""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from itertools import islice

from imgdedup.console import say
from imgdedup.errors import UserError
from imgdedup.removal.faults import Barred, Kept, explained
from imgdedup.removal.journal import AFTER, Command, Journal, Where
from imgdedup.removal.keepers import Keepers
from imgdedup.removal.shelves import Image, Shelf, shelf_of

_BATCH = 50  # files between two entries of the journal
_TOLD = 1000  # files between two lines for the user
_SHOWN = 5  # files named in the lines for the user


@dataclass
class Done:
    """What a command did; `left` are uris with the reason why their files stay."""

    images: list[Image] = field(default_factory=list)
    left: dict[str, str] = field(default_factory=dict)
    barred: dict[str, str] = field(default_factory=dict)  # those of `left` that a person can mend

    @property
    def bytes(self) -> int:
        """The bytes of the files."""
        return sum(image.size_bytes for image in self.images)


class Moving:
    """The moves of a plan.

    `images` are by their uris, in the order of the moves. `leaving` are all names of their files.
    """

    def __init__(
        self,
        plan_id: str,
        images: Mapping[str, Image],
        journal: Journal,
        leaving: Collection[str],
        require_lock: Callable[[], None],
    ) -> None:
        self._plan_id = plan_id
        self._images = images
        self._journal = journal
        self._require_lock = require_lock
        self._keepers = Keepers(leaving)
        self._shelves: dict[str, Shelf] = {}

    def settle(self) -> None:
        """Find out how the moves ended during which a command was killed."""
        found: dict[str, Where] = {}
        for uri, known in self._journal.in_flight().items():
            assert known.in_flight is not None
            found[uri] = self._found(known.in_flight, self._images[uri], known.quarantine)
        if found:
            say(f"{len(found)} images were in flight when a command was killed: found them")
            self._journal.settle(found)

    def apply(self) -> Done:
        """Move to the quarantine what is not there yet."""

        def put_away(image: Image, quarantine: str) -> None:
            shelf = self._shelf(image.uri)
            shelf.require_content(image)
            self._keepers.require(image)
            shelf.put_away(image, quarantine)

        return self._each("apply", self.waiting(), put_away)

    def undo(self) -> Done:
        """Put back what is in the quarantine, in the reverse order."""

        def put_back(image: Image, quarantine: str) -> None:
            self._shelf(image.uri).put_back(image, quarantine)

        return self._each("undo", self.held()[::-1], put_back)

    def purge(self) -> Done:
        """Delete what is in the quarantine and has its keeper."""

        def delete(image: Image, quarantine: str) -> None:
            self._keepers.require(image)
            self._shelf(image.uri).delete(image, quarantine)

        return self._each("purge", self.held(), delete)

    def waiting(self) -> list[Image]:
        """The images that have to be moved to the quarantine; purged ones if they are back."""
        held, gone = self._journal.held("quarantine"), self._journal.held("gone")
        return [
            image
            for uri, image in self._images.items()
            if uri not in held and (uri not in gone or self._shelf(uri).exists(uri))
        ]

    def held(self) -> list[Image]:
        """The images in the quarantine."""
        there = self._journal.held("quarantine")
        return [image for uri, image in self._images.items() if uri in there]

    def _each(
        self, command: Command, images: Iterable[Image], move: Callable[[Image, str], None]
    ) -> Done:
        done, left, told = Done(), iter(images), 0
        while batch := list(islice(left, _BATCH)):
            self._require_lock()
            self._make(command, batch, move, done)
            if len(done.images) // _TOLD > told:
                told = len(done.images) // _TOLD
                say(f"{command}: {len(done.images):,} images so far")
        if done.barred:
            uri, why = next(iter(done.barred.items()))
            raise UserError(
                f"{len(done.barred)} images cannot be moved, such as {uri}: {why}: mend that, and "
                f"{command} again"
            )
        return done

    def _make(
        self, command: Command, batch: list[Image], move: Callable[[Image, str], None], done: Done
    ) -> None:
        """Make the moves of a batch. What an error leaves undecided stays in flight."""
        targets, left = self._targets(command, batch, done)
        where: dict[str, Where] = {}
        self._journal.begin(command, targets)
        try:
            for image in (image for image in batch if image.uri in targets):
                target = targets[image.uri]
                try:
                    _explaining(move, image, target)
                    where[image.uri] = AFTER[command]
                    done.images.append(image)
                except Kept as why:
                    where[image.uri] = self._found(command, image, target)
                    _keep(image, why, left, done)
        finally:
            self._journal.end(command, where, left)
        done.left |= left

    def _targets(
        self, command: Command, batch: Iterable[Image], done: Done
    ) -> tuple[dict[str, str], dict[str, str]]:
        """The places of images in the quarantine, and why others cannot have one; by uri."""
        targets: dict[str, str] = {}
        left: dict[str, str] = {}
        for image in batch:
            if command != "apply":
                targets[image.uri] = self._journal.files[image.uri].quarantine
                continue
            try:
                target = self._shelf(image.uri).quarantine(image, self._plan_id)
                if self._shelf(image.uri).exists(target):
                    left[image.uri] = f"its place in the quarantine is taken: {target}"
                else:
                    targets[image.uri] = target
            except OSError as error:
                _keep(image, explained(error, image.uri), left, done)
        return targets, left

    def _found(self, command: Command, image: Image, target: str) -> Where:
        """Where a file is after a move that was cut off."""
        shelf = self._shelf(image.uri)
        if command == "purge":
            return "quarantine" if shelf.exists(target) else "gone"
        return "quarantine" if shelf.settle(image, target) else "data"

    def _shelf(self, uri: str) -> Shelf:
        scheme = uri.partition(":")[0]
        return self._shelves.setdefault(scheme, shelf_of(uri, self._require_lock))


def _keep(image: Image, why: Kept, left: dict[str, str], done: Done) -> None:
    left[image.uri] = str(why)
    if isinstance(why, Barred):
        done.barred[image.uri] = str(why)


def _explaining(move: Callable[[Image, str], None], image: Image, quarantine: str) -> None:
    try:
        move(image, quarantine)
    except OSError as error:
        raise explained(error, image.uri) from None


def tell(left: Mapping[str, str]) -> None:
    """Say which files stay, and why."""
    for uri, why in list(left.items())[:_SHOWN]:
        say(f"left: {uri}: {why}")
    if len(left) > _SHOWN:
        say(f"left: {len(left) - _SHOWN} more, which the journal names")
