"""Recording the calls of a worker, while its pool is traced. In the worker.

    switch     by the helper: the worker becomes one that records, or ceases to
    Recorder   the call that runs, and the short ones before it

A worker that is not traced has nothing of this: its class is exchanged. A call is recorded before
it is answered, so that the pool finds every call in the memory that it has the answer of.

Calls of less than SHORT that follow each other at once, of one function, share a line: to write
each of them down would cost more than a twentieth of it. An item of a chunk has a line of its own
where it takes LONG_ITEM or more.
"""

from _pickle import loads

from interpexec._core import main_module
from interpexec._core.cpython import monotonic_ns, own_builtins
from interpexec._sharing.function_names import name_of
from interpexec._worker import run_call, stamps, wire
from interpexec._worker.trace_lines import UNKNOWN, Lines, quoted
from interpexec._worker.trace_ring import Ring
from interpexec._worker.wire import SINCE

own_builtins(globals())

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from interpexec._core.cancellation import Interruptible
    from interpexec._sharing.package import Packed

type Share = tuple[memoryview, memoryview, tuple[int, int, int]]
"""The memory of a ring, that of the stamps; the process's id, when the trace began, and when the
pool began to make the worker (0: before that)."""

SHORT = 20_000
"""ns: shorter calls share a line."""

GAP = 50_000
"""ns: for no longer than that a worker has done nothing between two of them."""

MOST_SHARED = 5_000_000
"""ns: from the first one to the last one that share a line."""

LONG_ITEM = 100_000
"""ns: the items of a chunk that take less have no lines of their own."""

_FUNCTIONS = frozenset({type(name_of), type(len)})
_UNLOADED = "(a call that could not be unpickled)"


class Recorder:
    """Records the calls of one worker. Used by the thread that runs them."""

    def __init__(self, share: "Share", number: int) -> None:
        """Record nothing yet. number: the worker's."""
        self._memory, self._stamps, (pid, epoch, self._hired) = share
        self._ring = Ring(self._memory)
        self._lines = Lines(pid, number, epoch)
        self._number = number
        self.watched: Interruptible | None = None
        self._chunk_classes: dict[type, type] = {}
        # Of the call that runs.
        self._fn: object = None
        self._loaded = self._packed = 0
        self._items: int | None = None  # of the chunk that it is
        self._begun = self._done = self._spent = self._first = 0  # of these
        # Of the short calls before it: their function, and when the last one has ended. Those
        # that share a line: how many, and the id, the beginning and the ns of all.
        self._short_fn: object = None
        self._last = 0
        self.count = self._shared_id = self._shared_begun = self._shared_ns = 0

    # -- the call that runs, and may be interrupted --------------------------------------

    def watch(self, calls: "Interruptible") -> None:
        """See the chunks that a thread begins."""
        self.watched = calls
        begin_items = type(calls).begin_items

        def begin(chunk: "Any") -> None:
            self._items = len(chunk._columns[0])  # noqa: SLF001  # of a `ChunkRun`
            try:
                self._first = stamps.read(self._stamps, calls.armed)[2]
            except ValueError:  # the trace has ended: the helper has released the memory
                self._first = UNKNOWN
            self._done = self._spent = 0
            self._begun = chunk._begun  # noqa: SLF001  # of a `ChunkRun`
            cls = type(chunk)
            if cls not in self._chunk_classes:
                self._chunk_classes[cls] = _chunk_class(cls, self)
            chunk.__class__ = self._chunk_classes[cls]
            begin_items(calls, chunk)

        calls.begin_items = begin  # type: ignore[method-assign, assignment]  # of this object

    def attempt(self, payload: "Packed", thread: "Interruptible") -> "run_call.Outcome":
        """Run a call as `run_call.attempt` does, and note the time between its parts."""
        return run_call.attempt(payload, thread, self._load, self._dump)

    def _load(self, payload: "Packed") -> "Any":
        call = main_module.loads(payload)
        self._loaded = monotonic_ns()
        self._fn = fn = call[0]
        if self.count and fn is not self._short_fn:
            self.end_shared()  # this one may run for long
        return call

    def _dump(self, value: object) -> "Packed":
        from interpexec._sharing.pickling import dumps_value  # many calls return plain values only

        begun = monotonic_ns()
        try:
            return dumps_value(value)
        finally:
            self._packed = monotonic_ns() - begun

    def see_function(self, fn: object) -> None:
        """Note which function a chunk runs."""
        self._fn = fn

    def see_items(self, done: int, spent: int, failed: "Any") -> bool:
        """Note that items of a chunk have ended; say whether the next one is to be seen alone.

        done: how many of its items have ended. spent: ns since it began. failed: their places.
        """
        before, begun = self._done, self._begun + self._spent
        count, took = done - before, spent - self._spent
        self._done, self._spent = done, spent
        if not count or took < LONG_ITEM * count:
            return False
        end = b"value" if failed.keys().isdisjoint(range(before, done)) else b"error"
        told = b'"first":%d,"last":%d,"ended":"%b"' % (
            self._first + before,
            self._first + done - 1,
            end,
        )
        line = self._lines.slice(b"item", quoted(_name(self._fn)), begun, begun + took, told)
        if self.count:
            self.end_shared()
        self._ring.write(line)
        return True

    def is_ready(self, now: int) -> None:
        """Record the start of the worker, if it belongs to the trace."""
        if self._hired:
            self._ring.write(self._lines.slice(b"worker", b'"starts"', self._hired, now, b""))

    # -- calls that have ended ------------------------------------------------------------

    def record(
        self, call_id: int, payload: "Packed", begun: int, outcome: "run_call.Outcome | None"
    ) -> None:
        """Record a call that has begun at a time."""
        ended, fn = monotonic_ns(), self._fn
        self._fn = None
        is_short = ended - begun < SHORT and outcome is not None and outcome[1] is None
        follows = is_short and fn is self._short_fn and begun - self._last < GAP
        if follows and not stamps.is_named(self._stamps, call_id):
            self._share(call_id, begun, ended)
        else:
            if self.count:
                self.end_shared()
            is_plain = is_short and self._items is None and type(fn) in _FUNCTIONS
            self._short_fn = fn if is_plain else None
            self._record_alone(call_id, payload, (begun, ended), fn, outcome)
            self._packed, self._items = 0, None
        self._last = ended

    def _share(self, call_id: int, begun: int, ended: int) -> None:
        """Let a short call share a line with those that it follows at once."""
        count = self.count
        if count and begun - self._shared_begun > MOST_SHARED:
            self.end_shared()
            count = 0
        if not count:
            self._shared_id, self._shared_begun, self._shared_ns = call_id, begun, 0
            self._ring.begin_short(quoted(name_of(self._short_fn)))
        self.count = count = count + 1
        self._shared_ns = spent = self._shared_ns + ended - begun
        self._ring.write_short(count, self._shared_id, self._shared_begun, ended, spent)

    def end_shared(self) -> None:
        """Write the line that short calls share."""
        name, count, self.count = name_of(self._short_fn), self.count, 0
        numbers = self._shared_id, self._shared_begun, self._last, self._shared_ns
        try:
            self._ring.write(self._lines.shared(quoted(name), count, *numbers))
        except ValueError:  # the trace has ended
            pass

    def _record_alone(
        self,
        call_id: int,
        payload: "Packed",
        times: tuple[int, int],
        fn: object,
        outcome: "run_call.Outcome | None",
    ) -> None:
        """Write the line of one call. times: its beginning, and its end."""
        begun, ended = times
        packing, submitted, _, is_named = stamps.read(self._stamps, call_id)
        name = wire.name_of(payload) if is_named else self._name(call_id, fn)
        waited = UNKNOWN if submitted == UNKNOWN else begun - submitted
        unpacked = self._loaded - begun if fn is not None else 0
        packed = self._packed
        parts = waited, submitted - packing, unpacked, ended - begun - unpacked - packed, packed
        more = b"" if self._items is None else b',"items":%d' % self._items
        self._ring.write(
            self._lines.call(name, call_id, begun, ended, parts, _end_of(outcome) + more)
        )

    def _name(self, call_id: int, fn: object) -> str:
        if call_id & ~wire.FINAL == self._number:
            return "finalizer" if call_id & wire.FINAL else "initializer"
        return _UNLOADED if fn is None else _name(fn)

    def release(self) -> None:
        """Let go of the pool's memory. By the helper, or at the end of the worker."""
        if self.watched is not None:
            vars(self.watched).pop("begin_items", None)
        self._ring.release()
        self._memory.release()
        self._stamps.release()


def _end_of(outcome: "run_call.Outcome | None") -> bytes:
    """Tell how a call has ended."""
    if outcome is None:
        return b'"stopped"'
    failure = outcome[1]
    if failure is None:
        return b'"value"'
    if type(failure) is not bytes:
        return b'"error"'
    return b'"error","error":%b' % quoted(loads(failure)[3])  # see `raised`


def _name(fn: object) -> str:
    """Return the name of a function, without what may stand around it in its call."""
    parts = getattr(type(fn), "interpexec_parts", None)  # see `context_values`
    return name_of(fn) if parts is None else _name(parts(fn)[0])


# -- classes that take the places of others, for as long as a worker is traced ---------------


def switch(worker: "Any", share: "Share | None") -> None:
    """Have a worker record its calls from now on; without a share: no more. By the helper."""
    cls = type(worker)
    if (recorder := getattr(cls, "interpexec_recorder", None)) is not None:
        worker.__class__ = cls = cls.__base__  # type: ignore[assignment]  # it has one
        recorder.release()
    if share:
        worker.__class__ = _worker_class(cls, Recorder(share, worker._number))  # noqa: SLF001  # a worker's


def _worker_class(cls: "Any", recorder: Recorder) -> type:
    """Return a class whose workers record their calls."""
    run, plain, attempt, record = cls._run, run_call.attempt, recorder.attempt, recorder.record

    class Recording(cls):  # type: ignore[misc]  # of any class
        interpexec_recorder = recorder

        def _run(self, calls: "Any", payload: "Any", call_id: int, how: "Any") -> "Any":
            if recorder.watched is not calls:
                recorder.watch(calls)
            outcome = run(self, calls, payload, call_id, attempt if how is plain else how)
            try:
                record(call_id, payload, self._slot[SINCE], outcome)
            except Exception:  # noqa: S110  # the trace has ended, or memory is short
                pass
            return outcome

        def _receive(self) -> object:
            if recorder.count:
                if (message := self._requests.recv_nowait()) is not None:
                    return message
                recorder.end_shared()  # it may be the last one for long
            return cls._receive(self)

        def _give_notice(self, kind: int) -> None:
            if kind == wire.READY:
                recorder.is_ready(self._slot[SINCE])
            cls._give_notice(self, kind)

        def release(self) -> None:
            recorder.release()
            cls.release(self)

    return Recording


def _chunk_class(cls: "Any", recorder: Recorder) -> type:
    """Return a class whose chunks tell of their items."""

    class Recording(cls):  # type: ignore[misc]  # of any class
        def _each(self, fn: "Any") -> "Any":
            recorder.see_function(fn)
            return cls._each(self, fn)

        def _affordable(self, count: int, spent: int) -> int:
            try:
                is_long = recorder.see_items(len(self._values), spent, self._failures)
            except ValueError:  # the trace has ended
                is_long = False
            return 1 if is_long else cls._affordable(self, count, spent)

    return Recording
