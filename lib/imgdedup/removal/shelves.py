"""Where files are and where they wait: a folder of this machine with its quarantine, or a store."""

import os
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Protocol

from imgdedup.errors import TryAgain
from imgdedup.removal import local_files, objects
from imgdedup.removal.faults import Kept
from imgdedup.removal.journal import Command, Where
from imgdedup.sources import QUARANTINE

NEITHER = "it is neither in the quarantine nor at its place"


@dataclass(frozen=True)
class Image:
    """A file that a plan moves."""

    uri: str  # in its normal form; of a link its own, not that of its target
    content_id: str
    size_bytes: int
    home: str  # uri of the folder or prefix whose quarantine takes the file
    keeper_uri: str
    keeper_content: str
    is_by_review: bool  # people call the two the same, and no rule does


class Shelf(Protocol):
    """Moves files to a quarantine and back. All raise Kept, OSError and TryAgain."""

    def quarantine(self, image: Image, plan_id: str) -> str:
        """The uri of the place in the quarantine."""

    def require_content(self, image: Image) -> None:
        """Raise Kept unless the file still holds its content, at its own place."""

    def put_away(self, image: Image, quarantine: str) -> None:
        """Move the file, checked just now, to its place in the quarantine."""

    def put_back(self, image: Image, quarantine: str) -> None:
        """Move the file back, never over another one."""

    def delete(self, image: Image, quarantine: str) -> None:
        """Delete the file in the quarantine, if it still holds the content."""

    def settle(self, image: Image, quarantine: str, command: Command) -> Where | None:
        """Where the file is, after a move that may have been cut off.

        Where the move had made a second copy, the one in the quarantine goes. None when it cannot
        be told, such as while a disk is away: that a file is at neither place proves nothing.
        """

    def clear(self, quarantine: str) -> None:
        """Remove what is empty in the quarantine, once the journal has what became of the file."""

    def lost(self, quarantine: str) -> str:
        """Why a file is at neither place."""

    def exists(self, uri: str) -> bool:
        """Whether there is a file, or a link to nothing."""


def shelf_of(uri: str, require_lock: Callable[[], None]) -> Shelf:
    """The shelf for a file. `require_lock` raises TryAgain once another command moves files."""
    return Folder() if uri.startswith("file:") else Bucket(require_lock)


class Folder:
    """Files of this machine."""

    def __init__(self) -> None:
        self._checked: dict[str, tuple[int, ...]] = {}

    def quarantine(self, image: Image, plan_id: str) -> str:
        """See Shelf."""
        path, home = local_files.path_of(image.uri), local_files.path_of(image.home)
        return local_files.uri_of(local_files.quarantine_of(path, home, plan_id))

    def require_content(self, image: Image) -> None:
        """See Shelf."""
        path = local_files.path_of(image.uri)
        before = local_files.identity(path)
        local_files.require_own_place(path, local_files.path_of(image.home))
        if local_files.digest_of(path) != image.content_id:
            raise Kept("its file holds other bytes than were judged")
        self._checked[image.uri] = before

    def put_away(self, image: Image, quarantine: str) -> None:
        """See Shelf. A file that was changed since the check goes back."""
        path, target = local_files.path_of(image.uri), local_files.path_of(quarantine)
        local_files.make_quarantine(target)
        try:
            local_files.rename_new(path, target)
        except FileExistsError:
            raise Kept("its place in the quarantine is taken") from None
        if local_files.identity(target) != self._checked.pop(image.uri):
            local_files.rename_new(target, path)
            raise Kept("its file was changed while it was moved")

    def put_back(self, image: Image, quarantine: str) -> None:
        """See Shelf. Folders that are gone are made again."""
        path, held = local_files.path_of(image.uri), local_files.path_of(quarantine)
        local_files.require_own_place(path, local_files.path_of(image.home))
        try:
            os.makedirs(os.path.dirname(path), exist_ok=True)
        except (FileExistsError, NotADirectoryError):  # a file has the name of one of its folders
            raise Kept(_taken(is_same=False)) from None
        try:
            local_files.rename_new(held, path)
        except FileExistsError:
            raise Kept(_taken(_holds(path, image.content_id))) from None

    def delete(self, image: Image, quarantine: str) -> None:
        """See Shelf. Of a link only the link goes."""
        held = local_files.path_of(quarantine)
        if not os.path.islink(held) and local_files.digest_of(held) != image.content_id:
            raise Kept("its file in the quarantine holds other bytes than were judged")
        os.unlink(held)
        local_files.sync_folder(os.path.dirname(held))

    def settle(self, image: Image, quarantine: str, command: Command) -> Where | None:
        """See Shelf. The second copy is a second name of the file."""
        path, held = local_files.path_of(image.uri), local_files.path_of(quarantine)
        if local_files.exists(held):
            if command == "purge" or not local_files.are_two_names(path, held):
                return "quarantine"
            os.unlink(held)
            local_files.sync_folder(os.path.dirname(held))
            return "data"
        is_reached = local_files.has_quarantine(held)
        if command == "purge" and is_reached:
            return "gone"
        if not local_files.exists(path):
            return None
        is_it = is_reached or os.path.islink(path) or _holds(path, image.content_id)
        return "data" if is_it else None

    def clear(self, quarantine: str) -> None:
        """See Shelf."""
        local_files.clear_quarantine(local_files.path_of(quarantine))

    def lost(self, quarantine: str) -> str:
        """See Shelf."""
        folder = local_files.path_of(quarantine).partition(f"/{QUARANTINE}/")[0]
        if not os.path.isdir(folder):
            return f"its folder cannot be reached: {folder}"
        return NEITHER

    def exists(self, uri: str) -> bool:
        """See Shelf."""
        return local_files.exists(local_files.path_of(uri))


class Bucket:
    """Objects of a store, which are copied, compared, and then deleted."""

    def __init__(self, require_lock: Callable[[], None]) -> None:
        self._require_lock = require_lock
        self._checked: dict[str, Hashable] = {}

    def quarantine(self, image: Image, plan_id: str) -> str:
        """See Shelf."""
        below = image.uri.removeprefix(f"{image.home}/")
        return f"{image.home}/{QUARANTINE}/{plan_id}/{below}"

    def require_content(self, image: Image) -> None:
        """See Shelf."""
        self._checked[image.uri] = objects.identity(image.uri)
        if objects.digest_of(image.uri) != image.content_id:
            raise Kept("its file holds other bytes than were judged")

    def put_away(self, image: Image, quarantine: str) -> None:
        """See Shelf."""
        objects.copy(image.uri, quarantine)
        if objects.digest_of(quarantine) != image.content_id:
            objects.delete(quarantine)
            raise TryAgain(f"{image.uri}: its copy in the store holds other bytes: run again")
        if objects.identity(image.uri) != self._checked.pop(image.uri):
            objects.delete(quarantine)
            raise Kept("its file was changed while it was moved")
        self._delete_one_of_two(image.uri)

    def put_back(self, image: Image, quarantine: str) -> None:
        """See Shelf."""
        if objects.exists(image.uri):
            raise Kept(_taken(objects.digest_of(image.uri) == image.content_id))
        objects.copy(quarantine, image.uri)
        if objects.digest_of(quarantine) != objects.digest_of(image.uri):
            raise TryAgain(f"{image.uri}: its copy in the store holds other bytes: run again")
        self._delete_one_of_two(quarantine)

    def delete(self, image: Image, quarantine: str) -> None:
        """See Shelf."""
        if objects.digest_of(quarantine) != image.content_id:
            raise Kept("its file in the quarantine holds other bytes than were judged")
        objects.delete(quarantine)

    def settle(self, image: Image, quarantine: str, command: Command) -> Where | None:
        """See Shelf. An object that a store does not have is not there."""
        is_there = objects.exists(image.uri)
        if not objects.exists(quarantine):
            return "gone" if command == "purge" else "data" if is_there else None
        if command == "purge" or not is_there:
            return "quarantine"
        if objects.digest_of(quarantine) != objects.digest_of(image.uri):
            return "quarantine"
        self._delete_one_of_two(quarantine)
        return "data"

    def clear(self, quarantine: str) -> None:
        """See Shelf. A prefix needs no clearing."""

    def lost(self, quarantine: str) -> str:
        """See Shelf."""
        return NEITHER

    def exists(self, uri: str) -> bool:
        """See Shelf."""
        return objects.exists(uri)

    def _delete_one_of_two(self, uri: str) -> None:
        """Delete one of two copies, if nobody took the lock over, who may delete the other."""
        self._require_lock()
        objects.delete(uri)


def _holds(path: str, content_id: str) -> bool:
    try:
        return local_files.digest_of(path) == content_id
    except (OSError, Kept):
        return False


def _taken(is_same: bool) -> str:
    what = "the same bytes are" if is_same else "another file is"
    return f"{what} at its place by now, so it stays in the quarantine"
