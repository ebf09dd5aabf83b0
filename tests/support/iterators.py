"""Results of an iterator that goes on after exceptions, as that of `imap_unordered` does."""

from collections.abc import Iterator

METHODS = "map", "imap_unordered"
"""The maps of a pool."""


def outcomes(results: Iterator[object]) -> list[object]:
    """Return all results, and the types of exceptions, of an iterator."""
    found: list[object] = []
    while True:
        try:
            found.append(next(results))
        except StopIteration:
            return found
        except BaseException as error:  # any of them is an outcome
            found.append(type(error))
