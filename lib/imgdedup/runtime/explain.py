"""Failures in plain words, each with the exit status that goes with it."""

import re

from imgdedup.errors import TryAgain, UserError

FAILED, USER_ERROR = 1, 2  # exit statuses: another try may help; only a person can mend it
_USER_ERROR, _TRY_AGAIN = (f"{kind.__module__}.{kind.__name__}: " for kind in (UserError, TryAgain))
# The last line of a Python traceback, or the first of a Java exception or of its cause.
_CAUSE = re.compile(
    r"^(?:: |Caused by: )?([A-Za-z_][\w.]*(?:Error|Exception|Invalid|TryAgain): .*)"
)
_KNOWN = {
    "No space left on device": "the disk is full: make room and run again",
    "Permission denied": "the output folder cannot be written: check its permissions",
    "Read-only file system": "the output folder is on a read-only file system",
    "Fail connecting to server": "Milvus no longer answers: check that it runs, and run again",
    "CHECKPOINT_RDD_BLOCK_ID_NOT_FOUND": "an executor was lost, and its rows with it: run again",
    "OutOfMemoryError": "the JVM ran out of memory: raise spark.driver_memory",
}


def explain(error: BaseException) -> tuple[str, int]:
    """The cause of a failure in one line of plain words, and the exit status."""
    text = str(error)
    if isinstance(error, UserError):
        return text, USER_ERROR
    if isinstance(error, TryAgain):
        return text, FAILED
    for mark, words in _KNOWN.items():
        if mark in text:
            return words, FAILED
    # The JVM reports a failure inside a worker with a chain of causes. The last is the root cause.
    causes = [found.group(1) for line in text.splitlines() if (found := _CAUSE.match(line))]
    if causes:
        cause = causes[-1].removeprefix(_USER_ERROR).removeprefix(_TRY_AGAIN).strip()
        return cause, USER_ERROR if causes[-1].startswith(_USER_ERROR) else FAILED
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return f"{type(error).__name__}: {lines[0] if lines else 'no message'}", FAILED
