"""Calls that log, warn and print."""

import logging
import os
import sys
import threading
import warnings

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from gates import Handle

logger = logging.getLogger("tests.forwarded")


def log(message: object, *args: object, level: int = logging.WARNING, **options: object) -> None:
    """Log a record."""
    logger.log(level, message, *args, **options)  # type: ignore[arg-type]  # as they were given


def log_for(item: int) -> int:
    """Log a record, for an item of a map."""
    logger.info("item %d", item)
    return item


def log_many(count: int, first: int = 0) -> None:
    """Log records with numbers."""
    for number in range(first, first + count):
        logger.warning("%d", number)


def log_and_wait(count: int, handle: "Handle") -> None:
    """Log records; knock at a gate, and wait until it lets this in."""
    log_many(count)
    os.write(handle[0], b"!")
    os.read(handle[1], 1)


def log_and_spin(knocker: int) -> None:
    """Log a record, and run for ever."""
    logger.warning("before the end")
    os.write(knocker, b"!")
    while True:
        pass


def log_exception() -> None:
    """Log an exception, with its traceback and the stack."""
    try:
        int("inner")
    except ValueError:
        logger.exception("outer", stack_info=True)


def log_in_thread(handle: "Handle") -> None:
    """Start a thread that logs when a gate lets it in, and do not wait for it."""

    def run() -> None:
        os.read(handle[1], 1)
        logger.warning("of a thread")

    threading.Thread(target=run, name="own").start()


def log_with_level(level: int) -> bool:
    """Set the level of the worker's logger, log a record; say whether that was enabled before."""
    is_enabled = logger.isEnabledFor(logging.DEBUG)
    logger.setLevel(level)
    logger.debug("detail")
    return is_enabled


def is_enabled_for(level: int, name: str = "tests.forwarded") -> bool:
    """Say whether a logger takes records of a level here."""
    return logging.getLogger(name).isEnabledFor(level)


def warn(text: str, category: type[Warning] = UserWarning) -> None:
    """Warn."""
    warnings.warn(text, category, stacklevel=1)


class Hostile:
    """Raises whatever is asked of it."""

    def __repr__(self) -> str:
        raise RuntimeError("no repr")

    def __reduce__(self) -> str:
        raise RuntimeError("no pickle")


def log_hostile() -> None:
    """Log objects that can be neither formatted nor pickled."""
    logger.warning(Hostile())
    logger.warning("%s", Hostile())
    log("%s %s", Hostile())
    logger.warning("plain", extra={"hostile": Hostile(), "lock": threading.Lock()})


# -- output --------------------------------------------------------------------------


def write(text: str, name: str = "stdout") -> None:
    """Write text to a standard stream."""
    getattr(sys, name).write(text)


def write_bytes(data: bytes) -> None:
    """Write bytes to the standard output."""
    sys.stdout.buffer.write(data)


def write_and_wait(text: str, handle: "Handle") -> None:
    """Write text; knock at a gate, and wait until it lets this in."""
    sys.stdout.write(text)
    os.write(handle[0], b"!")
    os.read(handle[1], 1)


def of_stdout(ask: "Callable[[object], object]") -> object:
    """Return what a function says of the standard output."""
    return ask(sys.stdout)


def close_stdout() -> None:
    """Close the standard output."""
    sys.stdout.close()


def replace_stdout() -> str:
    """Put another stream into the place of the standard output, and write to it."""
    import io

    sys.stdout = io.StringIO()
    sys.stdout.write("mine")
    return sys.stdout.getvalue()


def print_at_exit(text: str) -> None:
    """Print when the interpreter ends."""
    import atexit

    atexit.register(print, text)
