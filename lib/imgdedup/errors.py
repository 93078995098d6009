"""What goes wrong: the exceptions that people read, and the codes of images without embedding.

The text of each exception is written for the person who runs the system.
"""

import re

# The signs with which some libraries draw a chain of causes, and the start of a backtrace.
_DRAWN = re.compile(r"\x1b\[\d+m|\u21b3")
_BACKTRACE = re.compile(r"^\s*0: .*", re.DOTALL | re.MULTILINE)
_LONGEST = 400  # characters of another library's message
# The codes of the column `failure`.
FAILURES = {
    "missing": "there is no file or object at the uri, or its archive has no such member",
    "unreadable": "the storage refused, it is no regular file, nothing reads the uri's scheme, or "
    "its archive is damaged",
    "unavailable": "the store did not answer, or cannot answer now: a later run may succeed",
    "forbidden": "the uri leads out of `embed.allowed_sources`, or out of its scanned folder",
    "empty": "zero bytes",
    "too_large": "more bytes than embed.max_file_bytes",
    "not_an_image": "no format this system reads",
    "decompression_bomb": "more pixels than embed.max_pixels, or too much work for them",
    "truncated": "the image data ends too early",
    "corrupt": "the image data cannot be decoded",
}
# Codes that say nothing about the image, so a run asks the store again.
TRANSIENT = frozenset({"unavailable"})


class UserError(Exception):
    """A fault of the input, the configuration or the machine that the user can mend.

    The message says in plain words what failed and what to do. A job prints the message as a
    single line, without a traceback, and exits with status 2.
    """


class TryAgain(Exception):
    """A fault that another try may mend, told in plain words; the job exits with status 1."""


class Missing(UserError):
    """There is nothing for a day. A range of days goes on without that day."""


class ImageFailure(Exception):
    """An image cannot be embedded. Code and detail become the `failure` columns of its row.

    Bytes of a file's name that are not UTF-8 become backslash escapes: no column could hold them.
    """

    def __init__(self, code: str, detail: str) -> None:
        if code not in FAILURES:
            raise ValueError(f"{code} is not a failure code")
        super().__init__(code, detail)
        self.code = code
        self.detail = detail.encode("utf-8", "backslashreplace").decode()


def first_line(error: BaseException) -> str:
    """The first line of what an error says; its type when it says nothing."""
    return next(iter(str(error).splitlines()), type(error).__name__)


def one_line(error: BaseException) -> str:
    """What another library says of an error and its causes, in one line."""
    text = _BACKTRACE.sub("", _DRAWN.sub("", str(error)))
    line = ": ".join(filter(None, map(str.strip, text.splitlines())))
    return line[:_LONGEST] or type(error).__name__
