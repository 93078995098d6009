"""The exceptions whose text is written for the person who runs the system."""

import re

# The signs with which some libraries draw a chain of causes, and the start of a backtrace.
_DRAWN = re.compile(r"\x1b\[\d+m|\u21b3")
_BACKTRACE = re.compile(r"^\s*0: .*", re.DOTALL | re.MULTILINE)
_LONGEST = 400  # characters of another library's message


class UserError(Exception):
    """A fault of the input, the configuration or the machine that the user can mend.

    The message says in plain words what failed and what to do. A job prints the message as a
    single line, without a traceback, and exits with status 2.
    """


class TryAgain(Exception):
    """A fault that another try may mend, told in plain words; the job exits with status 1."""


class Missing(UserError):
    """There is nothing for a day. A range of days goes on without that day."""


def first_line(error: BaseException) -> str:
    """The first line of what an error says; its type when it says nothing."""
    return next(iter(str(error).splitlines()), type(error).__name__)


def one_line(error: BaseException) -> str:
    """What another library says of an error and its causes, in one line."""
    text = _BACKTRACE.sub("", _DRAWN.sub("", str(error)))
    line = ": ".join(filter(None, map(str.strip, text.splitlines())))
    return line[:_LONGEST] or type(error).__name__
