"""The worker's side of `interpexec bench`: in threads, processes and interpreters alike.

A worker is ready when it has loaded the task, and met all others. An item that fails is a result.
"""

import os

from interpexec.cli._evaluate import prepare, ready

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Protocol

    from interpexec.cli._evaluate import Settings

    class Meets(Protocol):
        """A place where workers wait until all are there."""

        def wait(self) -> object:
            """Wait for the others."""


_meeting: "Meets | None" = None


def begin(settings: "Settings", meeting: "Meets") -> None:
    """Get a worker ready: the initializer of its pool."""
    global _meeting  # noqa: PLW0603  # one interpreter, or process, is one worker
    _meeting = meeting
    prepare(settings)


def meet() -> None:
    """Load the task, and wait until every worker has done so."""
    ready()
    assert _meeting is not None, "the pool runs `begin` first"
    _meeting.wait()


class Pipes:
    """A meeting of workers that share this process's descriptors."""

    def __init__(self, arrived: int, door: int) -> None:
        """arrived: a byte is written there. door: a byte is read from there."""
        self._arrived = arrived
        self._door = door

    def wait(self) -> None:
        """Wait until the door is opened."""
        os.write(self._arrived, b"!")
        os.read(self._door, 1)


class Failure:
    """The result of an item that has failed."""

    __slots__ = ("text",)

    def __init__(self, text: str) -> None:
        """text: the exception, in a line."""
        self.text = text

    def __reduce__(self) -> "tuple[type[Failure], tuple[str]]":
        return Failure, (self.text,)


def trial() -> "Callable[[str], object]":
    """Return this worker's function of an item."""
    evaluate = ready()

    def run_one(item: str) -> object:
        try:
            return evaluate(item)
        except (Exception, SystemExit) as error:  # the user's code
            from interpexec.cli._failures import summarize  # few fail

            return Failure(summarize(error))

    return run_one


class Trial:
    """Stands for the function that each worker makes."""

    __qualname__ = "interpexec bench"

    def __call__(self, item: str) -> object:
        """Do it here."""
        return trial()(item)

    def __reduce__(self) -> "tuple[Callable[[], Callable[[str], object]], tuple[()]]":
        return trial, ()


def run_all(items: list[str]) -> list[object]:
    """Run a chunk of items."""
    return [*map(trial(), items)]
