"""The one exception whose text is written for the person who runs the system."""


class UserError(Exception):
    """A fault of the input, the configuration or the machine that the user can mend.

    The message says in plain words what failed and what to do. A job that meets one prints the
    message as a single line and exits with status 2; it never shows a traceback for it.
    """
