"""The error for a contender or a case that this machine does not have."""


class MissingError(Exception):
    """Something a case needs is not in this Python or system: left out, and no failure."""
