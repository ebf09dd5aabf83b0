"""The ways in which a program ends, and what must be seen of each: a rule, and not a list.

- The exit status is the program's own; a KeyboardInterrupt that nobody catches ends it by
  SIGINT (a shell says 130), which is Python's way.
- The calls are stopped by KeyboardInterrupt, always; SystemExit, CancelledError and GeneratorExit
  that leave a `with` block, and any other exception if the pool was told so (`on_error`).
  Everything else waits until all that was submitted is done.
- So a program that stops its calls ends within a second; a call that cannot be stopped holds
  up only those that no KeyboardInterrupt ends.
- stdout and open files are flushed, and `atexit` functions run once, unless SIGTERM or a second
  SIGINT ends it.
- stderr has the program's own traceback, or nothing.
"""

import asyncio
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Any

from activities import Activity, Scene


class Play:
    """A scene, what is going on in it, and how it is told that a signal may come."""

    def __init__(self, scene: Scene, activity: Activity) -> None:
        self.scene, self.activity = scene, activity

    def pool(self, **options: Any) -> Executor:
        """Make the pool."""
        return self.scene.make(
            self.scene.workers, **self.activity.options_for(self.scene), **options
        )

    def begin(self, pool: Any) -> None:
        """Set the pool to work; tell that this is the moment."""
        self.activity.begin(self.scene, pool)
        self.arrive()

    def arrive(self) -> None:
        """Tell that this is the moment for a signal, and from which the end is timed."""
        self.scene.tell(b"r")

    def block(self, pool: Any) -> None:
        """Wait for a signal, in the middle of what is going on."""
        self.activity.block(self.scene, pool)


@dataclass(frozen=True)
class Way:
    """A way to end, and what is peculiar about it."""

    act: Callable[[Play], object]
    status: int = 0
    last_line: str = ""
    """How the traceback ends, if there is one."""
    stops: bool = False
    """Whether what runs is stopped."""
    signals: tuple[float, ...] = ()
    """When signals are sent: seconds after the one before; the first at a random moment."""
    number: signal.Signals = signal.SIGINT
    blocks: bool = False
    """Whether the main thread waits for the signal in the midst of the activity."""
    at_exit: bool = False
    """Whether the signal comes when Python waits for threads at its end."""
    portable: bool = True
    """Whether threads can end so, too."""

    @property
    def interrupts(self) -> bool:
        """Whether a KeyboardInterrupt that nobody catches ends it."""
        return self.status == -signal.SIGINT

    @property
    def is_orderly(self) -> bool:
        """Whether Python gets to do all that it does at the end.

        A second signal that comes after Python has given its handlers back kills it.
        """
        return self.number != signal.SIGTERM and len(self.signals) < 2


# -- what is done -----------------------------------------------------------------------------


def _leave(play: Play, end: Callable[[], object], **options: Any) -> None:
    """Leave the `with` block of a pool in some way."""
    with play.pool(**options) as pool:
        play.begin(pool)
        end()


def _end_beside(play: Play, end: Callable[[], object]) -> None:
    """End with a pool in a variable of the program."""
    pool = play.pool()
    play.scene.kept.append(pool)
    play.begin(pool)
    end()


def fall_off(play: Play) -> None:
    """Leave `with` at its end."""
    _leave(play, int)


def fall_off_global(play: Play) -> None:
    """Never shut the pool down."""
    _end_beside(play, int)


def drop(play: Play) -> None:
    """Drop the pool."""
    play.begin(play.pool())


def use_in_thread(play: Play) -> None:
    """Make and leave the pool in another thread, and let the main one end meanwhile."""
    began = threading.Event()
    threading.Thread(target=_leave, args=(play, began.set)).start()
    began.wait()


def do_raise(error: BaseException) -> Callable[[], None]:
    """Return a function that raises."""

    def raise_it() -> None:
        raise error

    return raise_it


def leave_by(error: BaseException, **options: Any) -> Callable[[Play], None]:
    """Return an act: leave `with` by an exception that nobody catches."""
    return lambda play: _leave(play, do_raise(error), **options)


def end_by(error: BaseException) -> Callable[[Play], None]:
    """Return an act: end by an exception, beside a pool."""
    return lambda play: _end_beside(play, do_raise(error))


def wait_in_with(play: Play) -> None:
    """Wait for a signal in the `with` block."""
    with play.pool() as pool:
        play.begin(pool)
        play.block(pool)


def wait_beside(play: Play) -> None:
    """Wait for a signal, with a pool in a variable."""
    pool = play.pool()
    play.scene.kept.append(pool)
    play.begin(pool)
    play.block(pool)


def wait_with_pool_of_thread(play: Play) -> None:
    """Wait for a signal in the `with` block of a pool that another thread has made."""
    made: list[Any] = []
    maker = threading.Thread(target=lambda: made.append(play.pool()))
    maker.start()
    maker.join()
    with made.pop() as pool:
        play.begin(pool)
        play.block(pool)


def wait_in_shutdown(play: Play) -> None:
    """Wait for a signal in `shutdown()`."""
    pool = play.pool()
    play.scene.kept.append(pool)
    play.begin(pool)
    pool.shutdown()


def wait_at_exit(play: Play) -> None:
    """Wait for a signal where Python waits for threads at its end."""
    pool = play.pool()
    play.scene.kept.append(pool)
    play.activity.begin(play.scene, pool)
    # The last one to be registered is called first, and this is no Python code to be interrupted.
    threading._register_atexit(play.scene.tell, b"r")  # type: ignore[attr-defined]


def end_generator(play: Play) -> None:
    """Close a generator that is inside a `with` block."""

    def generate() -> Iterator[None]:
        with play.pool() as pool:
            play.begin(pool)
            yield

    generator = generate()
    next(generator)
    generator.close()  # type: ignore[attr-defined]


def cancel_task(play: Play) -> None:
    """Cancel an asyncio task that is inside a `with` block."""

    async def use() -> None:
        with play.pool() as pool:
            play.begin(pool)
            await asyncio.sleep(100)

    async def main() -> None:
        task = asyncio.create_task(use())
        await asyncio.sleep(0)
        task.cancel()
        try:
            await task
        except asyncio.CancelledError:
            pass  # as was meant

    asyncio.run(main())


def wait_in_asyncio(play: Play) -> None:
    """Wait for a signal in `asyncio.run`, for a call in the pool."""

    async def main() -> None:
        loop = asyncio.get_running_loop()
        with play.pool() as pool:
            play.begin(pool)
            futures = map(asyncio.wrap_future, play.scene.results)
            await asyncio.gather(*futures, loop.run_in_executor(pool, int))
            await asyncio.sleep(100)

    asyncio.run(main())


INTERRUPTED = -signal.SIGINT
NOW, SOON = 0.0, 0.05


def _interrupted(act: Callable[[Play], object], *later: float, **more: Any) -> Way:
    """Return a way that one SIGINT ends, and others if they come so much later."""
    return Way(act, INTERRUPTED, "KeyboardInterrupt", stops=True, signals=(NOW, *later), **more)


WAYS: dict[str, Way] = {
    "falls off": Way(fall_off),
    "falls off, global": Way(fall_off_global),
    "dropped": Way(drop),
    "in a thread": Way(use_in_thread),
    "exit(0)": Way(leave_by(SystemExit(0)), stops=True),
    "exit(3)": Way(leave_by(SystemExit(3)), 3, stops=True),
    "exit('text')": Way(leave_by(SystemExit("text")), 1, "text", stops=True),
    "exit(3), global": Way(end_by(SystemExit(3)), 3),
    "error": Way(leave_by(ValueError("own")), 1, "ValueError: own"),
    "error, global": Way(end_by(ValueError("own")), 1, "ValueError: own"),
    "error, on_error": Way(
        leave_by(ValueError("own"), on_error="cancel"), 1, "ValueError: own", stops=True,
        portable=False,
    ),
    "raises KeyboardInterrupt": Way(
        leave_by(KeyboardInterrupt()), INTERRUPTED, "KeyboardInterrupt", stops=True
    ),
    "raises KeyboardInterrupt, global": Way(
        end_by(KeyboardInterrupt()), INTERRUPTED, "KeyboardInterrupt", stops=True
    ),
    "generator closed": Way(end_generator, stops=True),
    "task cancelled": Way(cancel_task, stops=True),
    "SIGINT": _interrupted(wait_in_with, blocks=True),
    "SIGINT, global": _interrupted(wait_beside, blocks=True),
    "SIGINT, pool of a thread": _interrupted(wait_with_pool_of_thread, blocks=True),
    "SIGINT twice, now": _interrupted(wait_in_with, NOW, blocks=True),
    "SIGINT twice, soon": _interrupted(wait_in_with, SOON, blocks=True),
    "SIGINT at the end of with": _interrupted(fall_off),
    "SIGINT twice at the end of with": _interrupted(fall_off, SOON),
    "SIGINT in shutdown": _interrupted(wait_in_shutdown),
    "SIGINT twice in shutdown, now": _interrupted(wait_in_shutdown, NOW),
    "SIGINT twice in shutdown, soon": _interrupted(wait_in_shutdown, SOON),
    "SIGINT at exit": _interrupted(wait_at_exit, at_exit=True, portable=False),
    "SIGINT in asyncio": _interrupted(wait_in_asyncio),
    "SIGTERM": Way(
        wait_in_with, -signal.SIGTERM, stops=True, signals=(NOW,), number=signal.SIGTERM,
        blocks=True,
    ),
}  # fmt: skip


def fits(way: Way, activity: Activity) -> bool:
    """Say whether this can be: if the main thread blocks, the way must be one that waits there."""
    return way.blocks or not activity.blocks


def lasts(way: Way, activity: Activity, version: tuple[int, ...]) -> tuple[float, bool]:
    """Return how long the calls take by themselves, and whether the end may wait for them."""
    if not way.stops:
        return 0.3, True
    if way.interrupts or way.signals or activity.can_be_stopped(version):
        return 60.0, False
    return 2.0, True
