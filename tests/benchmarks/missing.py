"""What is not to be had here."""


class MissingError(Exception):
    """Something a case needs is not in this Python or system: left out, and no failure."""
