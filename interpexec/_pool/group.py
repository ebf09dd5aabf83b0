"""Groups: calls that end together.

    new --> open --> stopped --> over        (or from open to over at once)

    NEW       its `with` block was not entered yet
    OPEN      it takes calls
    STOPPED   a call has failed, the block was left by an exception, or `cancel()` was called:
              all calls were cancelled, and none is taken any more
    OVER      the block was left, and no call is left

A call counts from before it is submitted until its callbacks have run, since these may submit
further calls. The first callback of each call notes its failure; that callback puts another
one behind all those of the program, which says that the call is over.

The race of a failure with a submission, in steps.
1. A thread finds that the group is open, counts one more call, and submits it.
2. Another call fails: all calls that the group has are cancelled. That one is not among them.
3. The first thread adds the call, finds that the group was stopped meanwhile, and cancels it.
The race of leaving with a submission: a call that was counted is waited for; the group is over
in the same step, under the lock, in which nothing is counted.

The ways of it are those of `asyncio.TaskGroup`, after trio's nurseries; only that one failure is
raised as it is.
"""

import threading
from concurrent.futures import CancelledError, Future

from interpexec._core.error_text import all_links, shown
from interpexec._core.sigint import interruptibly, keep_whole, protected
from interpexec._core.waiting import Deadline
from interpexec._pool.call_ends import cancel_all
from interpexec._pool.cancelling import TERMINATION_LIMIT
from interpexec._pool.done_callbacks import MARK
from interpexec._pool.future import CallFuture
from interpexec._pool.parking import Latch
from interpexec._pool.process_end import INTERRUPT_LIMIT

TYPE_CHECKING: bool = False  # annotated, for jedi: it skips the block otherwise
if TYPE_CHECKING:
    from collections.abc import Callable, Container
    from types import TracebackType
    from typing import Any, Never, Protocol, Self

    class Pool(Protocol):
        """The part of a scheduler that groups use."""

        name: str

        @property
        def cancel_running(self) -> bool:
            """Whether a running call can be cancelled."""

        def await_calls(self, call_ids: Container[int], limit: float) -> None:
            """Wait until no worker runs one of some cancelled calls."""

        def before_waiting(self) -> None:
            """Prepare for a wait, which a signal handler may be about to begin."""

    class Progress(Protocol):
        """A `Progress` of `_map`, as groups use it."""

        def know_total(self, total: int) -> None:
            """Learn how many calls there are."""

        def see(self, call: Future[Any]) -> None:
            """Count a call that has ended, and tell."""

        def end(self) -> None:
            """Tell the last numbers."""


keep_whole()

NEW, OPEN, STOPPED, OVER = "new", "open", "stopped", "over"


class Group:
    """Calls that end together: from `InterpreterPoolExecutor.group()`.

    >>> with pool.group() as group:  # doctest: +SKIP
    ...     pages = [group.submit(render, page) for page in book]

    Leaving the `with` block waits for all calls of the group. The first one that fails
    cancels all others, also those that run, and its exception is raised when the block is
    left; an ExceptionGroup, where several have failed (cancelled ones have not). An Exception
    in the block does the same; it is raised together with those of the calls, unless it is the
    CancelledError of one that was stopped, or has the others in its chain. Any other
    exception in the block (KeyboardInterrupt, SystemExit, ...) cancels all calls, and comes
    out alone. A call that is cancelled by its future's `cancel()` is no failure.

    When the block is left, no call of the group is pending or running; but one that was
    stopped and cannot be interrupted (it blocks in C) is waited for during 0.1 s only. Where
    the pool has `cancel_running=False`, calls that run are waited for. A Ctrl-C while the
    leaving waits cancels all calls, and is raised at once. A group in the block of another one
    stops its own calls only. In coroutines, `interpexec.aio.group()` does not block the loop.
    """

    def __init__(
        self,
        submit: "Callable[..., Future[Any]]",
        pool: "Pool",
        *,
        is_own: bool,
        progress: "Progress | None" = None,
    ) -> None:
        """Make one that was not entered yet.

        submit: of the executor. is_own: it is the program's, and may block. progress: is told of
        the calls.
        """
        self._progress = progress
        self._made = 0  # calls in all
        self._submit = submit
        self._pool = pool
        self._is_own = is_own
        # Guards the fields below. Nothing else is locked under it, and no code of the
        # program's runs. Re-entrant, as a destructor may cancel a call in the middle.
        self._lock = threading.RLock()
        self._state = NEW
        self._count = 0  # of the calls that are not over, and those that are being submitted
        self._calls: set[Future[Any]] = set()  # that are not finished
        self._stopped: list[CallFuture[Any]] = []  # were to be cancelled: workers may run them
        self._errors: list[BaseException] = []
        self._was_cancelled = False  # by `cancel()`
        self._idle = Latch()

    def __repr__(self) -> str:
        """Tell the pool's name, the state, and how many calls there are."""
        return f"<{type(self).__name__} of {self._pool.name}: {self._state}, {self._count} calls>"

    def __reduce__(self) -> "Never":
        raise TypeError("a Group belongs to the interpreter that made it: submit its calls there")

    # -- submitting ------------------------------------------------------------------

    @protected
    def submit[**P, T](
        self, fn: "Callable[P, T]", /, *args: "P.args", **kwargs: "P.kwargs"
    ) -> "CallFuture[T]":
        """Schedule `fn(*args, **kwargs)` as a call of the group, and return its future.

        As the executor's `submit`; from any thread of the interpreter that made the executor,
        and from callbacks of the group's calls, also while the leaving waits for these. A call
        that cannot be sent is one that has failed.

        Raises RuntimeError when a call has failed, or the group was cancelled; before its
        `with` block is entered; and when the group is over. Otherwise as the executor.
        """
        with self._lock:
            self._refuse_unless_open()
            self._count += 1
        try:
            future = self._submitted(fn, args, kwargs)
        except BaseException:
            self._count_down()
            raise
        with self._lock:
            self._calls.add(future)
            self._made += 1
            is_late = self._state is not OPEN
        future.add_done_callback(self._on_done)
        if self._progress is not None:
            self._progress.know_total(self._made)
            future.add_done_callback(self._progress.see)
        if is_late:
            self._cancel([future])
        return future  # type: ignore[return-value]  # of what `fn` returns

    def _refuse_unless_open(self) -> None:
        """Raise RuntimeError if no call is taken. Under the lock."""
        if self._state is NEW:
            raise RuntimeError("the group was not entered: with pool.group() as group: ...")
        if self._state is OVER:
            _over()
        if self._state is STOPPED:
            raise refusal(self._errors)

    def _submitted(
        self, fn: "Callable[..., Any]", args: "tuple[Any, ...]", kwargs: "dict[str, Any]"
    ) -> "Future[Any]":
        if not self._is_own:
            return self._submit(fn, *args, **kwargs)
        future = interruptibly(self._submit, fn, *args, **kwargs)
        if not isinstance(future, Future):
            raise TypeError(f"submit of this executor must return a Future, got {shown(future)}")
        return future

    # -- what becomes of the calls -------------------------------------------------------

    def _on_done(self, future: "Future[Any]") -> None:
        """Note that a call is finished, and stop the others if it has failed."""
        with self._lock:
            self._calls.discard(future)
        error = None if future.cancelled() else future.exception()
        if error is not None:
            self._fail(error)
        callbacks = future._done_callbacks  # type: ignore[attr-defined]  # noqa: SLF001  # they are about to be called
        if self._on_done in callbacks:
            callbacks.append(self._on_over)
        else:  # it was finished when this was added
            self._on_over(future)

    def _on_over(self, _future: "Future[Any]") -> None:
        self._count_down()

    setattr(_on_done, MARK, True)  # but for the callbacks of calls that it cancels
    setattr(_on_over, MARK, True)

    def _count_down(self) -> None:
        with self._lock:
            self._count -= 1
            is_idle = not self._count
        if is_idle:
            self._idle.open()

    def _fail(self, error: BaseException) -> None:
        """Note a failure, and cancel all calls."""
        with self._lock:
            if not any(error is each for each in self._errors):
                self._errors.append(error)
        self._stop()

    @protected
    def cancel(self) -> None:
        """Cancel all calls, also those that run, and take no more.

        That is no failure: leaving the block raises nothing because of it, neither the
        CancelledError of a call that the block waits for. From any thread, and from callbacks;
        never blocks, except in callbacks of the calls, which run here. Nothing happens when the
        group has failed, or is over.
        """
        self._stop(is_wanted=True)

    def _stop(self, *, is_wanted: bool = False) -> None:
        """Cancel all calls, and take no more."""
        with self._lock:
            if self._state is not OPEN:
                return  # those that came since were cancelled when they came
            self._state = STOPPED
            self._was_cancelled = is_wanted
            calls = list(self._calls)
        self._cancel(calls)

    def _cancel(self, calls: "list[Future[Any]]") -> None:
        ours = [each for each in calls if isinstance(each, CallFuture)]
        with self._lock:
            self._stopped += ours
        cancel_all(ours, are_listed=True)
        for each in calls:
            if not isinstance(each, CallFuture):
                each.cancel()

    def renew_lock(self) -> None:
        """Make a new lock: in a forked child, nobody is left to release the old one."""
        self._lock = threading.RLock()

    # -- entering and leaving ------------------------------------------------------------

    def __enter__(self) -> "Self":
        """Let the group take calls. Once: RuntimeError otherwise."""
        with self._lock:
            if self._state is not NEW:
                raise RuntimeError("a group can be entered once: make another one")
            self._state = OPEN
        return self

    @protected
    def __exit__(
        self,
        kind: "type[BaseException] | None",
        error: BaseException | None,
        traceback: "TracebackType | None",
    ) -> bool | None:
        """Wait for the calls: see the class."""
        is_hurried = error is not None and not isinstance(error, Exception)
        if error is not None:
            self._stop()
        try:
            self._await_calls(is_hurried=is_hurried and self._pool.cancel_running)
        except BaseException:  # a Ctrl-C
            self._stop()
            self._await_stopped(INTERRUPT_LIMIT)
            raise
        finally:
            self._end()
            if self._progress is not None:
                self._progress.end()
            errors, self._errors = self._errors, []
        if not is_hurried:
            raise_failures(errors, error)
        return self._was_cancelled and isinstance(error, CancelledError)

    def _await_calls(self, *, is_hurried: bool) -> None:
        """Wait until nothing is counted, and stopped calls have ended.

        is_hurried: not for longer than Ctrl-C may.
        """
        limit = INTERRUPT_LIMIT if is_hurried else None
        deadline = Deadline(limit)
        self._pool.before_waiting()
        while not self._has_ended():
            if not self._idle.wait(deadline.remaining()):
                break  # callbacks run still
        self._await_stopped(limit or TERMINATION_LIMIT)

    def _has_ended(self) -> bool:
        """Say whether nothing is counted; then the group is over. Else prepare to wait."""
        with self._lock:
            if self._count:
                self._idle.close()
                return False
            self._state = OVER
            return True

    def _await_stopped(self, limit: float) -> None:
        """Wait until no worker runs a call that was cancelled; at most so many seconds."""
        with self._lock:
            stopped, self._stopped = self._stopped, []
        # Of one that was finished, its worker sends no more news.
        ids = frozenset(each._call_id for each in stopped if each.cancelled())
        if ids and self._pool.cancel_running:
            self._pool.await_calls(ids, limit)

    def _end(self) -> None:
        with self._lock:
            self._state = OVER
            self._calls.clear()
            self._submit = _over  # the futures refer to this, and are not to keep the executor


def _over(*_: object, **__: object) -> "Never":
    """Refuse a call, when the block was left."""
    raise RuntimeError("the group is over: its `with` block was left")


def refusal(errors: "list[BaseException]") -> RuntimeError:
    """Return what is raised where a stopped group is to take a call. errors: of its calls."""
    reason = f"one has failed: {shown(errors[0])}" if errors else "it was cancelled"
    return RuntimeError(f"the group takes no more calls, because {reason}")


def raise_failures(errors: "list[BaseException]", error: BaseException | None) -> None:
    """Raise what a group was left by. Nothing where that is `error`, which is raised already.

    errors: of the calls. error: that of the `with` block.
    """
    if isinstance(error, CancelledError) and errors:
        error = None  # it has waited for one that was cancelled because of them
    if error is not None:
        known = {id(each) for each in all_links(error, with_members=True)}
        errors = [each for each in errors if id(each) not in known]
        if not errors:
            return
        errors.append(error)
    try:
        if len(errors) > 1:
            message = "calls of a group have failed"
            raise BaseExceptionGroup(message, errors) from None
        if errors:
            _raise(errors.pop())
    finally:
        del errors, error  # no cycle with the traceback


def _raise(error: BaseException) -> "Never":
    """Raise an exception, and leave its context as it was."""
    context = error.__context__
    try:
        raise error
    finally:
        error.__context__ = context
        del error, context  # no cycle with the traceback
