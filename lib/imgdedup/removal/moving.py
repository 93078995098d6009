"""Makes the moves of a plan, batch by batch, each batch between two entries of the journal."""

from collections.abc import Callable, Collection, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice

from imgdedup.console import say
from imgdedup.errors import UserError
from imgdedup.relations import reviews
from imgdedup.removal.faults import GONE, Barred, Kept, explained
from imgdedup.removal.journal import AFTER, Command, Journal, Where
from imgdedup.removal.keepers import Keepers
from imgdedup.removal.shelves import Image, Shelf, shelf_of

_BATCH = 50  # files between two entries of the journal
_AT_ONCE = 16  # files looked for in parallel
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
        self._lost: dict[str, str] = {}  # uris of files in flight that are at neither place
        self._absent: set[str] = set()  # uris of files that the quarantine should have

    def settle(self) -> None:
        """Find out how the moves ended during which a command was killed.

        What cannot be told stays in flight.
        """
        found: dict[str, Where] = {}
        for uri, known in self._journal.in_flight().items():
            assert known.in_flight is not None
            if uri not in self._images:
                raise UserError(f"the plan has no image {uri}, which its journal has in flight")
            shelf = self._shelf(uri)
            where = shelf.settle(self._images[uri], known.quarantine, known.in_flight)
            if where is None:
                self._lost[uri] = shelf.lost(known.quarantine)
            else:
                found[uri] = where
        if found:
            say(f"{counted(len(found))} found again, in flight when a command was killed")
            self._journal.settle(found)
            self._clear(found)

    def apply(self) -> Done:
        """Move to the quarantine what is not there yet."""

        def put_away(image: Image, quarantine: str) -> None:
            shelf = self._shelf(image.uri)
            shelf.require_content(image)
            self._keepers.require(image)
            shelf.put_away(image, quarantine)

        astray = self._astray()
        done = self._each("apply", self.waiting(), put_away)
        for image, why in astray:
            _keep(image, why, done.left, done)
        return done

    def undo(self) -> Done:
        """Put back what is in the quarantine, in the reverse order."""

        def put_back(image: Image, quarantine: str) -> None:
            self._shelf(image.uri).put_back(image, quarantine)

        return self._each("undo", self.held()[::-1], put_back)

    def purge(self, verdicts: Mapping[frozenset[str], str]) -> Done:
        """Delete what is in the quarantine and has its keeper.

        `verdicts` of people are by pair of contents. A file that they call different from its
        keeper stays, and so does one that they no longer call the same (`none`).
        """

        def delete(image: Image, quarantine: str) -> None:
            verdict = verdicts.get(frozenset((image.content_id, image.keeper_content)))
            if verdict == reviews.DIFFERENT:
                raise Kept("a review calls it different from its keeper")
            if verdict == reviews.NONE or (image.is_by_review and verdict != reviews.SAME):
                raise Kept("the review that called it the same as its keeper was withdrawn")
            self._keepers.require(image)
            self._shelf(image.uri).delete(image, quarantine)

        return self._each("purge", self.held(), delete)

    def waiting(self) -> list[Image]:
        """The images that have to be moved to the quarantine; purged ones if they are back."""
        held, gone = self._journal.held("quarantine"), self._journal.held("gone")
        return [
            image
            for uri, image in self._images.items()
            if uri not in held
            and uri not in self._lost
            and (uri not in gone or self._shelf(uri).exists(uri))
        ]

    def held(self) -> list[Image]:
        """The images in the quarantine, as the journal has it, and for all that is known."""
        there = self._journal.held("quarantine").keys() - self._lost.keys() - self._absent
        return [image for uri, image in self._images.items() if uri in there]

    def _astray(self) -> list[tuple[Image, Kept]]:
        """The images that are not in the quarantine alone, as the journal has it, and why."""
        held = self.held()
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            reasons = list(pool.map(self._where_else, held))
        return [(image, why) for image, why in zip(held, reasons, strict=True) if why is not None]

    def _where_else(self, image: Image) -> Kept | None:
        shelf, held = self._shelf(image.uri), self._journal.files[image.uri].quarantine
        try:
            is_back = shelf.exists(image.uri)
            if shelf.exists(held):
                return Kept("it is back at its place, and in the quarantine") if is_back else None
        except OSError as error:
            return explained(error, image.uri)
        self._absent.add(image.uri)
        return Kept("it is back at its place") if is_back else Barred(shelf.lost(held))

    def _each(
        self, command: Command, images: Iterable[Image], move: Callable[[Image, str], None]
    ) -> Done:
        done, left, told = Done(left=dict(self._lost), barred=dict(self._lost)), iter(images), 0
        while batch := list(islice(left, _BATCH)):
            self._require_lock()
            self._make(command, batch, move, done)
            if len(done.images) // _TOLD > told:
                told = len(done.images) // _TOLD
                say(f"{command}: {counted(len(done.images))} so far")
        return done

    def _make(
        self, command: Command, batch: list[Image], move: Callable[[Image, str], None], done: Done
    ) -> None:
        """Make the moves of a batch. What an error leaves undecided stays in flight."""
        where: dict[str, Where] = {}
        targets, left = self._targets(command, batch, where, done)
        self._journal.begin(command, targets)
        try:
            for image in (image for image in batch if image.uri in targets):
                target = targets[image.uri]
                try:
                    _explaining(move, image, target)
                    where[image.uri] = AFTER[command]
                    done.images.append(image)
                except Kept as why:
                    found = self._kept_at(image, target, command)
                    if found is not None:
                        where[image.uri] = found
                    if command == "undo" and found == "data":  # a move that was cut off is ended
                        done.images.append(image)
                    else:
                        _keep(image, why, left, done)
        finally:
            self._journal.end(command, where, left)
        self._clear(where)
        done.left |= left

    def _kept_at(self, image: Image, target: str, command: Command) -> Where | None:
        """Where a file is that a check kept from its move; None when it cannot be told."""
        shelf = self._shelf(image.uri)
        found = shelf.settle(image, target, command)
        is_untouched = command == "apply" and not shelf.exists(target) and shelf.exists(image.uri)
        return "data" if found is None and is_untouched else found

    def _targets(
        self, command: Command, batch: Iterable[Image], where: dict[str, Where], done: Done
    ) -> tuple[dict[str, str], dict[str, str]]:
        """The places of images in the quarantine, and why others have none; by uri.

        `where` gets those that somebody moved back by hand.
        """
        targets: dict[str, str] = {}
        left: dict[str, str] = {}
        for image in batch:
            try:
                if command == "apply":
                    targets[image.uri] = self._free_place(image)
                elif self._is_held(image):
                    targets[image.uri] = self._journal.files[image.uri].quarantine
                else:
                    where[image.uri] = "data"
            except OSError as error:
                _keep(image, explained(error, image.uri), left, done)
            except Kept as why:
                _keep(image, why, left, done)
        return targets, left

    def _free_place(self, image: Image) -> str:
        """Where a file can wait in the quarantine; Kept when it is not there, or the place is."""
        shelf = self._shelf(image.uri)
        target = shelf.quarantine(image, self._plan_id)
        if not shelf.exists(image.uri):
            raise Kept(GONE)
        if shelf.exists(target):
            raise Kept(f"its place in the quarantine is taken: {target}")
        return target

    def _is_held(self, image: Image) -> bool:
        """Whether a file is in the quarantine, and not at its place; Barred for neither."""
        shelf, held = self._shelf(image.uri), self._journal.files[image.uri].quarantine
        if shelf.exists(held):
            return True
        if shelf.settle(image, held, "undo") is None:
            raise Barred(shelf.lost(held))
        return False

    def _clear(self, settled: Iterable[str]) -> None:
        """Remove the folders of the quarantine that are empty, once the journal is written."""
        for uri in settled:
            self._shelf(uri).clear(self._journal.files[uri].quarantine)

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


def require_none_barred(command: Command, done: Done) -> None:
    """Raise UserError when a person must mend something."""
    if done.barred:
        uri, why = next(iter(done.barred.items()))
        raise UserError(
            f"{counted(len(done.barred))} cannot be moved, such as {uri}: {why}: mend that, and "
            f"{command} again"
        )


def counted(images: int) -> str:
    """A number of images in words."""
    return f"{images:,} image" if images == 1 else f"{images:,} images"


def amount(images: int, size: int) -> str:
    """A number of images and their bytes in words."""
    return f"{counted(images)} ({size / 1e6:,.1f} MB)"


def tell(left: Mapping[str, str]) -> None:
    """Say which files stay, and why."""
    for uri, why in list(left.items())[:_SHOWN]:
        say(f"left: {uri}: {why}")
    if len(left) > _SHOWN:
        say(f"left: {len(left) - _SHOWN:,} more")
