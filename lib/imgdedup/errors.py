"""The exceptions whose text is written for the person who runs the system."""


class UserError(Exception):
    """A fault of the input, the configuration or the machine that the user can mend.

    The message says in plain words what failed and what to do. A job prints the message as a
    single line, without a traceback, and exits with status 2.
    """


class TryAgain(Exception):
    """A fault that another try may mend, told in plain words; the job exits with status 1."""


class Missing(UserError):
    """There is nothing for a day. A range of days goes on without that day."""
