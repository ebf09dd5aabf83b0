"""The object that a thread is packing, as the reducers of shareable types see it.

While a thread packs an object (`pickler`), reducers call `current().lend()` or `.hand_over()`,
and put the index that these return into the pickle. In the receiver, `package.take_view()` and
`.take()` are called with the index.
"""

from _thread import get_ident

from interpexec._core import main_module
from interpexec._core.cpython import NotShareableError, own_builtins
from interpexec._core.sigint import keep_whole

own_builtins(globals())

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Protocol

    from interpexec._sharing.entries import Entry

    class Owning(Protocol):
        """A package with entries that can be owned by another one."""

        entries: list[Entry | None]

        def give_away(self) -> list[Entry | None]:
            """Own the entries no more; return them."""

    class Packing(Protocol):
        """An object that is being packed. See `pickler.Packer`."""

        @property
        def lends(self) -> bool:
            """Whether memory may be lent."""

        @property
        def made_empty(self) -> set[int]:
            """The ids of exceptions that another one fills: see `exceptions`."""

        @property
        def takes_program(self) -> bool:
            """Whether an object of a class of the program can be pickled."""

        def reducer_of(self, kind: type, /) -> "Callable[[Any], object]":
            """Return how objects of a type are reduced."""

        def lend(self, view: memoryview) -> int:
            """Let the receiver see this memory itself; return the index for `take_view`."""

        def hand_over(self, *fds: int) -> int:
            """Give the receiver duplicates of descriptors; return the index for `take`."""

        def carry(self, entry: Entry) -> int:
            """Own an entry; return its index for `take`."""

        def carry_all(self, package: "Owning") -> list[int]:
            """Own the entries of a package that is sent inside this one; return the indices."""


keep_whole()

by_thread: "dict[int, Packing]" = {}
"""The object that each thread is packing."""

main_module.pickling = by_thread


def current() -> "Packing":
    """Return the object that the calling thread is packing.

    Raises NotShareableError when it packs nothing: another library pickles, and would not
    keep out-of-band data alive.
    """
    found = by_thread.get(get_ident())
    if found is None:
        raise NotShareableError(
            "this cannot be pickled: it can be sent only as an argument or a result of a call,"
            " through a channel, or as a token"
        )
    return found


def is_under_way() -> bool:
    """Say whether the calling thread is packing something."""
    return get_ident() in by_thread
