"""The payloads of the cases of that name: here, since workers import them by name."""

from dataclasses import dataclass


@dataclass(slots=True)
class Payload:
    """A dataclass that holds many elements."""

    elements: list[int]


def give_back(payload: object) -> object:
    """Return what came."""
    return payload
