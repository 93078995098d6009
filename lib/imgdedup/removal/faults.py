"""Why a file stays where it is, and which errors end a command."""

import errno
import re

from imgdedup.errors import TryAgain

GONE = "it is not there any more"
_FULL = {errno.ENOSPC, errno.EDQUOT}
_BARRED = {
    errno.EACCES: "there is no right to do so",
    errno.EPERM: "there is no right to do so",
    errno.EROFS: "the file system is read-only",
    errno.EEXIST: "a file stands in the place of a folder",
    errno.ENOSYS: "its file system can move no file without the risk to write over another one",
    errno.EOPNOTSUPP: "its file system can move no file without the risk to write over another one",
}
_DENIED = re.compile(r"ACCESS_DENIED|AccessDenied|HTTP status 403|PERMISSION_DENIED")
_OF_THE_FILE = {
    errno.ENOENT: GONE,
    errno.ENOTDIR: GONE,
    errno.EXDEV: "it is on another mount than its folder",
    errno.ENAMETOOLONG: "its path in the quarantine would be too long",
    errno.ELOOP: "its link leads to itself",
}


class Kept(Exception):
    """A file stays where it is. The text says why, after the words `<uri>: `."""


class Barred(Kept):
    """A file stays where it is until a person mends the machine."""


def explained(error: OSError, uri: str) -> Kept:
    """Why a file stays after an error of the system.

    Raises TryAgain for an error that is no fault of this file, such as a full disk.
    """
    if error.errno in _FULL:
        raise TryAgain("the disk is full: make room and run again") from None
    if error.errno in _BARRED:
        return Barred(_BARRED[error.errno])
    if _DENIED.search(str(error)):
        return Barred(_BARRED[errno.EACCES])
    if error.errno in _OF_THE_FILE:
        return Kept(_OF_THE_FILE[error.errno])
    if isinstance(error, FileNotFoundError):
        return Kept(_OF_THE_FILE[errno.ENOENT])
    raise TryAgain(f"{uri}: {error}: run again") from None
