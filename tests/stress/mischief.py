"""Objects that misbehave where they cross between interpreters. Workers import this."""

import _interpreters
import os
import time

MAIN, WORKER = "main", "worker"
DEPARTS, ARRIVES, RUNS, DIES = "departs", "arrives", "runs", "dies"


def here() -> str:
    """Say on which side this runs."""
    return WORKER if int(_interpreters.get_current()[0]) else MAIN


# -- what happens ------------------------------------------------------------------------------


class Unspeakable(Exception):  # noqa: N818  # named after what it does
    """An error that cannot be shown, nor sent."""

    def __str__(self) -> str:
        raise ZeroDivisionError

    __repr__ = __str__

    def __reduce__(self) -> str:
        raise ZeroDivisionError


def _recurse(depth: int = 0) -> int:
    return _recurse(depth + 1) + 1


def _spin(seconds: float) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        pass


def _raise(error: BaseException) -> None:
    raise error


EVENTS = {
    "raise": lambda: _raise(LookupError("mischief")),
    "raise what cannot be shown": lambda: _raise(Unspeakable()),
    "interrupt": lambda: _raise(KeyboardInterrupt()),
    "exit": lambda: _raise(SystemExit(3)),
    "recurse": _recurse,
    "exhaust memory": lambda: bytes(1 << 62),
    "spin": lambda: _spin(0.5),
    "block": lambda: time.sleep(0.5),
    "spin for ever": lambda: _spin(60),
}


def happen(event: str) -> None:
    """Let something happen here."""
    EVENTS[event]()


# -- where it happens --------------------------------------------------------------------------


class Traveller:
    """Lets something happen at one place of its way."""

    def __init__(self, place: str, event: str) -> None:
        """Place: "departs main", for example; event: one of `EVENTS`."""
        self.place, self.event = place, event

    def reach(self, step: str) -> None:
        """Let it happen, if this is the place."""
        if self.place == f"{step} {here()}":
            happen(self.event)

    def __reduce__(self) -> tuple[object, ...]:
        self.reach(DEPARTS)
        return arrive, (self.place, self.event)

    def __call__(self, *_: object) -> str:
        """Be a function."""
        self.reach(RUNS)
        return "ran"

    def __del__(self) -> None:
        self.reach(DIES)


def arrive(place: str, event: str) -> Traveller:
    """Make a traveller where it arrives."""
    traveller = Traveller(place, event)
    traveller.reach(ARRIVES)
    return traveller


def take(traveller: object) -> str:
    """Be a function that takes one as its argument."""
    return type(traveller).__name__


def make(place: str, event: str, _: object = None) -> Traveller:
    """Return one."""
    return Traveller(place, event)


def fail(place: str, event: str) -> None:
    """Raise an exception that has one."""
    error = ValueError("it carries one")
    error.traveller = Traveller(place, event)  # type: ignore[attr-defined]
    raise error


def receive(receiver: object) -> str:
    """Receive one through a channel."""
    return type(receiver.recv(5)).__name__  # type: ignore[attr-defined]


def initialize(_traveller: object) -> None:
    """Be an initializer."""


def wait_for(descriptor: int) -> str:
    """Be a call beside."""
    os.read(descriptor, 1)
    return "beside"
