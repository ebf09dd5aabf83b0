"""Messages about a Python that this package is not tested with, or cannot use as it is.

`cpython` knows which one it is, and imports this file only there.
"""

import os
import sys

VARIABLE = "INTERPEXEC_UNKNOWN_PYTHON"
"""An environment variable: if it is set, newer versions of CPython are tried."""


def refuse_unknown(known: str, this: tuple[int, int]) -> None:
    """Raise ImportError for a newer CPython than the known ones.

    Its private modules may have changed: code that calls them as they were may crash the process.
    """
    if os.environ.get(VARIABLE):
        return
    raise ImportError(
        f"this interpexec is made for CPython {known}, and this is {this[0]}.{this[1]}"
        f" ({sys.executable}): install a newer interpexec, or set {VARIABLE}=1 to try it"
        " all the same",
        name="interpexec",
    )


def no_interpreters() -> ImportError:
    """Return the error for a Python that has no subinterpreters."""
    return ImportError(
        "interpexec needs a CPython built with subinterpreters "
        f"(_interpreters, _interpchannels), and this one has none: {sys.executable}",
        name="interpexec",
    )


_untold = {"free threads": True}


def tell_of_free_threads() -> None:
    """Tell the logger `interpexec`, once, what a free-threaded build has of this package."""
    if not _untold.pop("free threads", False):
        return
    import logging  # only there

    logging.getLogger("interpexec").warning(
        "interpexec is not tested on free-threaded builds of CPython, and this is one (%s). Its"
        " threads run in parallel without interpreters: ThreadPoolExecutor needs no copies there",
        sys.executable,
    )
