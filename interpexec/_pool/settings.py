"""The options of a pool, as the executor was given them, checked. See `arguments`."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from interpexec._pool.forwarded import Forwarded
    from interpexec._sharing.package import Packed


def _nothing() -> None:
    """Pickle no call."""


class OwnCall:
    """A call that each worker makes for itself: the initializer, or the finalizer."""

    __slots__ = ("dump", "name")

    def __init__(self, name: str = "", dump: "Callable[[], Packed | None]" = _nothing) -> None:
        """name: of the function. dump: pickles the call, for one worker; None: there is none.

        It raises NotShareableError where the call cannot be sent.
        """
        self.name = name
        self.dump = dump


class Settings:
    """The options of one pool. None of them changes; but see `release`."""

    __slots__ = (
        *("cancel_running", "finalizer", "forwarded", "initializer"),
        *("max_tasks", "max_workers", "name"),
    )

    def __init__(  # noqa: PLR0913  # the executor's arguments
        self,
        max_workers: int,
        name: str,
        *,
        initializer: OwnCall | None = None,
        finalizer: OwnCall | None = None,
        max_tasks: int | None = None,
        cancel_running: bool = True,
        forwarded: "Forwarded | None" = None,
    ) -> None:
        """Take them as they are.

        name: the prefix of the threads' names. max_tasks: after which a worker retires.
        forwarded: takes log records and output of the workers, if they are to forward some.
        """
        self.max_workers = max_workers
        self.name = name
        self.initializer = initializer or OwnCall()
        self.finalizer = finalizer or OwnCall()
        self.max_tasks = max_tasks
        self.cancel_running = cancel_running
        self.forwarded = forwarded

    def release(self) -> None:
        """Let go of the arguments of calls: no worker is made any more."""
        self.initializer, self.finalizer = OwnCall(), OwnCall()
