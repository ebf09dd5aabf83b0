"""Tracing a pool: a timeline of its calls, in a file. Imported when a program traces.

    workers:  a ring of lines each (`_worker/recorder.py`)  --+
                                                              +--> drain --> the file
    the pool: lines of workers that come and go, counters   --+

A pool that is not traced has nothing of this. While it is, some methods of its parts are others
(`_Hooks`), which are taken away at the end. No thread is added: the collector drains, each
PERIOD for as long as there are calls.

The race at the end of a call, in steps.
1. A worker writes the line of the call, then it sends the answer.
2. The collector takes the answer, and the call is pending no more.
3. A drain looks first whether calls are pending, and reads the rings after that. So the last drain
   finds the lines of all calls.
"""

import mmap
import os
from concurrent.futures import wait
from functools import partial
from threading import Lock, get_ident
from time import monotonic_ns

from interpexec._core.error_text import shown, told
from interpexec._core.sigint import keep_whole, protected
from interpexec._pool.trace_file import TraceFile
from interpexec._worker import stamps, trace_ring, wire
from interpexec._worker.trace_lines import Lines
from interpexec._worker.trace_ring import Ring

TYPE_CHECKING: bool = False  # annotated, for jedi: it skips the block otherwise
if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterator
    from os import PathLike
    from types import TracebackType
    from typing import Any, Self

    from interpexec._pool.call_table import Entries, Source
    from interpexec._pool.future import AnyFuture
    from interpexec._pool.link import Link
    from interpexec._pool.options import CallOptions
    from interpexec._pool.scheduler import Scheduler
    from interpexec._pool.worker_thread import WorkerThread
    from interpexec._sharing.package import Packed
    from interpexec._worker.recorder import Share
    from interpexec._worker.wire import Message

keep_whole()

PERIOD = 0.1
"""Seconds after which new lines are in the file."""

_ANSWER_LIMIT = 1.0
"""Seconds to wait at most for workers that begin to record: one may be in C code."""

_RESOLUTION = 5_000_000
"""ns: counters are not written more often than that."""


class Trace:
    """A trace of a pool, for a `with` block: from `InterpreterPoolExecutor.trace`."""

    def __init__(self, scheduler: "Any", path: "str | PathLike[str]") -> None:
        """Open nothing yet. Raises TypeError for a path that is none.

        scheduler: the pool's. (Its type would make all its parts a part of the public types.)
        """
        try:
            self._path = os.fspath(path)
        except TypeError:
            raise TypeError(f"path must be a str or an os.PathLike, got {shown(path)}") from None
        self._scheduler: Scheduler = scheduler
        self._state = self._scheduler.state
        self._hooks = _Hooks()
        self._rings: dict[int, tuple[Ring, Lines]] = {}  # by the number of the worker
        self._ended: set[int] = set()  # the workers whose rings are read for the last time
        self._draining = Lock()
        self._begun: dict[int, tuple[int, int]] = {}  # by thread: packing since, the first item
        self._is_due = False  # the collector is going to drain
        self._counted = 0  # when counters were written last
        self._lost = 0

    @property
    def lost(self) -> int:
        """How many lines the file lacks, as they came faster than they could be written."""
        return self._lost

    # -- the block ------------------------------------------------------------------------

    @protected
    def __enter__(self) -> "Self":
        """Open the file, and begin. Raises OSError; RuntimeError where a trace is under way."""
        state = self._state
        self._scheduler.direct.lend()  # a signal handler may call this, and waits
        with state.lock:
            if state.trace is not None:
                raise RuntimeError(f"the pool {state.name} is traced already")
            self._file = TraceFile(self._path, state.name)
            self._stamps = memoryview(mmap.mmap(-1, stamps.BYTES))
            state.trace = self
            self._install()
            try:
                asked = [self._ask(worker) for worker in state.workers.everyone()]
            except BaseException:  # there is no memory for a ring
                self._end()
                self._file.close()
                raise
            self._expect_drain()
        wait(asked, _ANSWER_LIMIT)
        return self

    def _end(self) -> None:
        """Have nobody record any more, and put the methods back. Under the lock."""
        state = self._state
        self._hooks.remove()
        state.trace = None
        for source in state.table.sources:
            _unwatch(source)
        for worker in state.workers.everyone():
            worker.control.trace(None)

    @protected
    def __exit__(
        self,
        kind: "type[BaseException] | None",
        error: BaseException | None,
        traceback: "TracebackType | None",
    ) -> None:
        """End the trace. Raises OSError where the file could not be written whole."""
        state = self._state
        with state.lock:
            if state.trace is not self:
                return
            self._end()
            self._note_running()
        self._drain_now(is_last=True)
        self._file.close()
        self._lost += self._file.lost
        if self._file.error is not None and error is None:
            raise self._file.error

    def _ask(self, worker: "WorkerThread") -> "AnyFuture":
        """Have a worker that is there record from now on. Under the lock."""
        future = self._scheduler.control_calls.asked(worker)
        worker.control.trace(self._share(worker), future._call_id)
        return future

    def _begins(self, worker: "WorkerThread") -> None:
        """Have a worker record that is about to start. Under the lock."""
        worker.control.trace(self._share(worker, monotonic_ns()))

    def _share(self, worker: "WorkerThread", hired: int = 0) -> "Share":
        number, file = worker.number, self._file
        memory = memoryview(mmap.mmap(-1, trace_ring.total()))
        self._rings[number] = Ring(memory), Lines(file.pid, number, file.epoch)
        file.name_row(
            number, f"worker {worker.index}: {worker.name}", worker.index * 10_000 + number
        )
        return memory, self._stamps, (file.pid, file.epoch, hired)

    # -- the methods that are others meanwhile ---------------------------------------------

    def _install(self) -> None:
        """Put the hooks in. Under the lock."""
        scheduler, state = self._scheduler, self._state
        canceller = scheduler._canceller  # noqa: SLF001  # its parts are one
        put = self._hooks.put
        put(state, "next_id", self._next_id)  # the one of these that each call needs
        put(scheduler, "refuse_if_over", self._note_packing)
        put(scheduler, "_treat", self._note_name)
        put(scheduler, "accept", self._watch)
        put(state.table, "settle", self._count_after)
        put(canceller, "look_at_clock", self._drain_after)
        put(canceller._stopper, "stop", self._note_stop)  # noqa: SLF001  # a part of the scheduler
        put(canceller._losses, "bury", self._note_end)  # noqa: SLF001  # a part of the scheduler
        put(state.workers, "let_go", self._note_leaving)

    def _note_packing(self, former: "Callable[[], None]") -> None:
        self._begun[get_ident()] = monotonic_ns(), -1
        former()

    def _next_id(self, former: "Callable[[], int]") -> int:
        call_id, now = former(), monotonic_ns()
        packing, first = self._begun.pop(get_ident(), (now, -1))
        stamps.write(self._stamps, call_id, packing, now, first)
        if not self._is_due:
            self._expect_drain()
        if now - self._counted > _RESOLUTION:
            self._count(now)
        return call_id

    def _note_name(
        self,
        former: "Callable[[AnyFuture, Packed, CallOptions], None]",
        future: "AnyFuture",
        payload: "Packed",
        options: "CallOptions",
    ) -> None:
        if options.name:
            payload = future._payload = wire.with_name(payload, options.name)
            stamps.mark_named(self._stamps, future._call_id)
        former(future, payload, options)

    def _watch(self, former: "Callable[[Source], None]", source: "Source") -> None:
        """See when the calls of a map are packed, and which items are in them."""
        maker = getattr(source, "_maker", None)
        if maker is not None and "call" not in vars(maker):
            maker.call = partial(self._note_items, maker.call)
        former(source)

    def _note_items(self, former: "Callable[[Any], Packed]", items: "Any") -> "Packed":
        self._begun[get_ident()] = monotonic_ns(), items.first
        return former(items)

    def _count_after(
        self, former: "Callable[..., None]", replies: "list[Message]", entries: "Entries"
    ) -> None:
        former(replies, entries)
        if (now := monotonic_ns()) - self._counted > _RESOLUTION:
            self._count(now)

    def _drain_after(self, former: "Callable[[Link], None]", link: "Link") -> None:
        former(link)
        if self._is_due:
            self._is_due = False
            self._state.todo.append(self._drain)

    def _note_stop(self, former: "Callable[..., bool]", link: "Link", future: "AnyFuture") -> bool:
        worker = self._state.workers.runner(link, future._call_id)
        is_stopped = former(link, future)
        if is_stopped and worker is not None:
            why = "is cancelled" if future.cancelled() else "is stopped"
            if not future.cancelled() and future._limit is not None:
                why = "is out of time"
            self._file.note(worker.number, f"{future._name} {why}", call=future._call_id)
        return is_stopped

    def _note_leaving(
        self, former: "Callable[[WorkerThread], bool]", worker: "WorkerThread"
    ) -> bool:
        is_active = self._state.workers.active.get(worker.seat) is worker
        is_vacant = former(worker)
        if is_active:
            self._file.note(worker.number, "takes no further call", index=worker.index)
        return is_vacant

    def _note_end(
        self,
        former: "Callable[..., None]",
        link: "Link",
        worker: "WorkerThread",
        loss: BaseException | None,
    ) -> None:
        if loss is not None:
            self._note_running_in(link, worker, "lost")
            self._file.note(worker.number, "is lost", why=told(loss))
        former(link, worker, loss)
        self._file.note(worker.number, "ends", index=worker.index)
        self._ended.add(worker.number)

    # -- counters, and calls that run ------------------------------------------------------

    def _count(self, now: int) -> None:
        """Write the counters. Under the lock."""
        state = self._state
        self._counted = now
        running = 0 if state.link is None else len(state.workers.running(state.link))
        waiting = max(len(state.table) - running, 0)
        items = sum(getattr(source, "waiting", 0) for source in list(state.table.sources))
        self._file.count("calls", waiting=waiting, running=running)
        if items or self._had_items:
            self._file.count("items of maps", waiting=items)
        self._had_items = bool(items)

    _had_items = False

    def _note_running(self) -> None:
        """Write the calls that run, and are not at their end. Under the lock."""
        link = self._state.link
        for worker in () if link is None else list(self._state.workers.everyone()):
            self._note_running_in(link, worker, "running")

    def _note_running_in(self, link: "Link", worker: "WorkerThread", end: str) -> None:
        call_id, since = link.slots.running(worker.seat)
        future = self._state.table.out.get(call_id)
        if future is not None:
            begun = max(int(since * 1e9), self._file.epoch)
            self._file.span(worker.number, "call", future._name, begun, call=call_id, ended=end)

    # -- draining ---------------------------------------------------------------------------

    def _expect_drain(self) -> None:
        """Have the collector drain soon. Under the lock."""
        self._is_due = True
        if self._state.clock.expect(PERIOD):
            self._state.nudge()

    def _drain(self) -> None:
        """Write all lines that are there. By the collector."""
        state = self._state
        with state.lock:
            if state.trace is not self:
                return
            is_busy = bool(len(state.table) or state.table.sources)
            if is_busy:
                self._count(monotonic_ns())
                self._expect_drain()
        self._drain_now()

    def _drain_now(self, *, is_last: bool = False) -> None:
        with self._draining:
            ended = list(self._ended)
            self._file.write(self._parts(self._rings if is_last else ended))
            for number in ended:
                self._ended.discard(number)
                ring, _ = self._rings.pop(number)
                self._lost += ring.lost
            if is_last:
                self._lost += sum(ring.lost for ring, _ in self._rings.values())

    def _parts(self, last: "Container[int]") -> "Iterator[bytes | memoryview]":
        """Yield the lines of all rings. last: the workers from which no further ones come."""
        for number, (ring, lines) in list(self._rings.items()):
            short = ring.read_short() if number in last else None
            yield from ring.read()
            if short is not None:
                yield lines.shared(*short)


def _unwatch(source: "Source") -> None:
    """Let a map go on untraced."""
    maker = getattr(source, "_maker", None)
    if maker is not None:
        vars(maker).pop("call", None)


class _Hooks:
    """Methods that stand in the places of others, on some objects."""

    def __init__(self) -> None:
        self._former: list[tuple[object, str, object]] = []

    def put(self, owner: object, name: str, hook: "Callable[..., Any]") -> None:
        """Call the hook in a method's place. It is given the method first."""
        former = getattr(owner, name)
        self._former.append((owner, name, vars(owner).get(name)))
        setattr(owner, name, partial(hook, former))

    def remove(self) -> None:
        """Put the methods back."""
        for owner, name, own in reversed(self._former):
            if own is None:
                delattr(owner, name)
            else:
                setattr(owner, name, own)
        self._former.clear()
