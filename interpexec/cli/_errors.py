"""The one error of the command line."""


class UsageError(Exception):
    """The command cannot be carried out as it was given; `str()` is one line for the user."""
