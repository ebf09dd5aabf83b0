"""Activities of a pool whose program ends. Used by `ends_program`, and by `ends` to judge.

Each activity begins something that lasts `scene.seconds`, and returns when it is under way.
`block` is what the main thread of a program waits in that is ended from outside.
"""

import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from typing import Any, ClassVar

import work


class Scene:
    """The objects that a program, a way to end it and an activity of the pool share."""

    workers = 2

    def __init__(self, told: int, seconds: float, make: Callable[..., Any]) -> None:
        """Told: where everything is told; seconds: how long things last; make: the pool's class."""
        self.told = told
        self.seconds = seconds
        self.make = make
        self.begun, self.begins = os.pipe()
        self.results: list[Future[object]] = []
        self.iterators: list[Iterator[object]] = []
        self.kept: list[object] = []
        self.source: object = None
        """The queue or channel that is waited for."""

    def tell(self, word: bytes) -> None:
        """Tell the harness something."""
        os.write(self.told, word)

    def submit(self, pool: Any, fn: Callable[..., object], *args: object) -> None:
        """Submit a call that tells when it is done; tell that it is owed."""
        self.results.append(pool.submit(fn, *args))
        self.tell(b"c")

    def await_begun(self, count: int) -> None:
        """Wait until so many calls have begun."""
        while count:
            count -= len(os.read(self.begun, count))


class Activity:
    """A kind of work. That of the base is over at once."""

    options: ClassVar[dict[str, Any]] = {}
    blocks = False
    """Whether it is the main thread that is in it, so that it needs a way which waits there."""
    portable = True
    """Whether threads can do it, too."""
    is_brief = False
    """Whether the pool has nothing to do, so that a signal may come when all is over."""

    def options_for(self, scene: Scene) -> dict[str, Any]:
        """Return what the pool is made with."""
        del scene
        return self.options

    def can_be_stopped(self, version: tuple[int, ...]) -> bool:
        """Say whether a call of this kind can be stopped on that version."""
        del version
        return True

    def begin(self, scene: Scene, pool: Any) -> None:
        """Set the pool to work."""
        scene.submit(pool, work.tell, scene.told)
        scene.results[0].result()

    def block(self, scene: Scene, pool: Any) -> None:
        """Wait in the main thread, as a program of this kind does."""
        del pool
        for result in scene.results:
            result.result()
        time.sleep(scene.seconds)


class Idle(Activity):
    """The pool was used, and has nothing to do."""

    is_brief = True


class Unused(Activity):
    """The pool has never had a call."""

    is_brief = True

    def begin(self, scene: Scene, pool: Any) -> None:
        """Do nothing."""


class Calls(Activity):
    """All workers run a call of some kind."""

    def __init__(
        self, fn: Callable[..., object], stops: Callable[[tuple[int, ...]], bool] = bool
    ) -> None:
        """Fn: called with two descriptors and seconds; stops: whether it can be, by version."""
        self._fn = fn
        self._stops = stops

    def can_be_stopped(self, version: tuple[int, ...]) -> bool:
        """Ask what this was made with."""
        return self._stops(version)

    def begin(self, scene: Scene, pool: Any) -> None:
        """Give each worker a call."""
        for _ in range(scene.workers):
            scene.submit(pool, self._fn, scene.begins, scene.told, scene.seconds)
        scene.await_begun(scene.workers)


class Pending(Calls):
    """Many calls wait behind those that run."""

    def begin(self, scene: Scene, pool: Any) -> None:
        """Submit so many that not all can be sent ahead."""
        super().begin(scene, pool)
        for _ in range(500):
            scene.submit(pool, work.tell, scene.told)


class Limited(Calls):
    """The calls have a time limit, which is far."""

    portable = False

    def begin(self, scene: Scene, pool: Any) -> None:
        """Submit them to a view of the pool."""
        super().begin(scene, pool.with_options(timeout=100))


class Broadcast(Calls):
    """Beside the calls runs what was broadcast."""

    portable = False

    def begin(self, scene: Scene, pool: Any) -> None:
        """Broadcast when all workers are busy."""
        super().begin(scene, pool)
        pool.broadcast(work.spin, scene.begins, scene.told, scene.seconds)
        scene.tell(b"c" * scene.workers)
        scene.await_begun(scene.workers)


class Map(Activity):
    """A map with many items; the main thread takes its results."""

    items = 100

    def begin(self, scene: Scene, pool: Any) -> None:
        """Begin it, and take the first result."""
        import functools

        each = scene.seconds * scene.workers / self.items
        do_item = functools.partial(work.spin_item, scene.told, each)
        scene.tell(b"c" * self.items)
        scene.iterators.append(pool.map(do_item, range(self.items)))
        next(scene.iterators[0])

    def block(self, scene: Scene, pool: Any) -> None:
        """Take all results."""
        del pool
        for _ in scene.iterators[0]:
            pass


class MapOfSlowInput(Activity):
    """A map whose input blocks, in the main thread."""

    blocks = True

    def begin(self, scene: Scene, pool: Any) -> None:
        """Do nothing yet: it is the main thread that will be in it."""

    def block(self, scene: Scene, pool: Any) -> None:
        """Map what comes only after a long time."""

        def items() -> Iterator[int]:
            for _ in range(5):
                scene.tell(b"c")
                yield scene.told
            time.sleep(scene.seconds)

        for _ in pool.map(work.tell, items()):
            pass


class Starting(Activity):
    """The first worker is just being started: its initializer runs Python code."""

    initializer = staticmethod(work.start_slowly)

    def options_for(self, scene: Scene) -> dict[str, Any]:
        """Return the initializer."""
        return {"initializer": self.initializer, "initargs": (scene.begins, scene.seconds)}

    def begin(self, scene: Scene, pool: Any) -> None:
        """Submit a call, for which a worker is started."""
        scene.submit(pool, work.tell, scene.told)
        scene.await_begun(1)


class StartBlocked(Starting):
    """The initializer of the first worker blocks in C."""

    initializer = staticmethod(work.start_blocked)

    def can_be_stopped(self, version: tuple[int, ...]) -> bool:
        """Say whether a signal interrupts `sleep`: from 3.15 on."""
        return version >= (3, 15)


class Replaced(Activity):
    """Workers are being replaced: each runs two calls only, and one was just stopped."""

    portable = False
    options: ClassVar[dict[str, Any]] = {"max_tasks_per_child": 2}

    def begin(self, scene: Scene, pool: Any) -> None:
        """Submit short calls, and stop a long one among them."""
        stopped = pool.submit(work.spin, scene.begins, scene.begins, 60)
        scene.await_begun(1)
        for _ in range(10):
            scene.submit(pool, work.spin, scene.begins, scene.told, scene.seconds / 10)
        stopped.cancel()


class Waiting(Calls):
    """The main thread or all workers wait for something that does not come."""

    portable = False

    def __init__(self, kind: str, *, here: bool) -> None:
        """Kind: "queue" or "channel"; here: the main thread waits, not the workers."""
        super().__init__(work.get)
        self._kind, self.blocks = kind, here

    def begin(self, scene: Scene, pool: Any) -> None:
        """Make it; let the workers wait."""
        scene.source = self._make(scene)
        if not self.blocks:
            for _ in range(scene.workers):
                arguments = scene.begins, scene.told, scene.source, scene.seconds
                scene.submit(pool, work.get, *arguments)
            scene.await_begun(scene.workers)

    def block(self, scene: Scene, pool: Any) -> None:
        """Wait as the workers do, or for them."""
        if self.blocks:
            work.get(scene.begins, scene.begins, scene.source, scene.seconds)
        else:
            super().block(scene, pool)

    def _make(self, scene: Scene) -> object:
        import interpexec
        from interpexec import sync

        if self._kind == "queue":
            return sync.Queue()
        receiver, sender = interpexec.create_channel()
        scene.kept.append(sender)
        return receiver


class Large(Activity):
    """Large results and views of the program's memory come and go."""

    portable = False
    items = 20

    def begin(self, scene: Scene, pool: Any) -> None:
        """Submit a handful, and take the first."""
        view = memoryview(bytearray(1 << 20))
        for number in range(self.items):
            scene.submit(pool, work.make_large, scene.told, 1 << 20, view if number % 2 else None)
        scene.submit(pool, work.spin, scene.begins, scene.told, scene.seconds)
        scene.results[0].result()


def _signals_help(version: tuple[int, ...]) -> bool:
    """Say whether a system call that blocks a worker can be ended: from 3.15 on."""
    return version >= (3, 15)


def _never(_version: tuple[int, ...]) -> bool:
    return False


ACTIVITIES: dict[str, Activity] = {
    "idle": Idle(),
    "unused": Unused(),
    "busy": Calls(work.spin),
    "blocked in C": Calls(work.sleep, _signals_help),
    "in a finally": Calls(work.stay, _never),
    "another program": Calls(work.run_program, _signals_help),
    "many pending": Pending(work.spin),
    "time limits": Limited(work.spin),
    "broadcast": Broadcast(work.spin),
    "map": Map(),
    "map, slow input": MapOfSlowInput(),
    "starting": Starting(),
    "start blocked": StartBlocked(),
    "replaced": Replaced(),
    "get, main": Waiting("queue", here=True),
    "recv, main": Waiting("channel", here=True),
    "get, workers": Waiting("queue", here=False),
    "recv, workers": Waiting("channel", here=False),
    "large": Large(),
}


def make_pool(kind: str) -> Callable[..., Executor]:
    """Return the class of pools that is tried: ours, or threads as the control group."""
    if kind == "threads":
        from concurrent.futures import ThreadPoolExecutor

        return ThreadPoolExecutor
    from interpexec import InterpreterPoolExecutor

    return InterpreterPoolExecutor
