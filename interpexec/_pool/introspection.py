"""Reports of the workers of a pool, for people to read. Imported when asked for."""

import linecache
from concurrent.futures import wait
from itertools import dropwhile
from pathlib import Path
from time import monotonic
from traceback import StackSummary
from typing import Literal, NamedTuple

from interpexec._core.sigint import keep_whole
from interpexec._worker import wire

TYPE_CHECKING: bool = False  # annotated, for jedi: it skips the block otherwise
if TYPE_CHECKING:
    from interpexec._pool.future import AnyFuture
    from interpexec._pool.link import Link
    from interpexec._pool.scheduler import Scheduler
    from interpexec._pool.state import PoolState
    from interpexec._pool.worker_thread import WorkerThread

keep_whole()

_PACKAGE = str(Path(__file__).parent.parent)
"""The folder of the files whose frames stand around a call, and are not shown."""


class WorkerInfo(NamedTuple):
    """The state of one worker at one moment. From `InterpreterPoolExecutor.workers()`."""

    interpreter_id: int | None
    """Of its interpreter; None before there is one."""
    thread_name: str
    """Of the OS thread it runs on."""
    state: Literal["starting", "idle", "running", "leaving"]
    """`"starting"`: its interpreter is made, or the initializer runs there.
    `"idle"`: it waits for a call, or, as a successor, for its turn.
    `"running"`: it runs a call.
    `"leaving"`: it takes no further call, and its interpreter ends; if it still runs
    a call, that is the finalizer, or it was stopped, and has not come to its end yet."""
    function: str | None
    """The qualified name of what it runs, or None."""
    seconds: float | None
    """For how long it has been running that, or None."""
    calls: int
    """How many calls it has run to their end. A chunk of a map counts as one."""
    index: int  # type: ignore[assignment]  # a tuple has a method of this name, and nobody calls it
    """From 0 to `max_workers - 1`: see `current_worker()`. A worker that leaves, or that waits for
    its turn as a successor, has the index of the one beside it."""


def workers(state: "PoolState") -> list[WorkerInfo]:
    """Return what the workers of a pool are doing now."""
    with state.lock:
        link = state.link
        if link is None:
            return []
        return [_info(state, link, worker) for worker in state.workers.everyone()]


def _info(state: "PoolState", link: "Link", worker: "WorkerThread") -> WorkerInfo:
    """Return what one worker is doing. Under the lock."""
    calls = link.slots.done(worker.seat)  # first, so that an idle newcomer has run none
    call_id, since = link.slots.running(worker.seat)
    function = None
    is_leaving = worker.seat in state.workers.leaving or call_id == worker.number | wire.FINAL
    name = wire.state(call_id, since, worker.number, is_leaving=is_leaving)
    if call_id == worker.number:
        function = state.settings.initializer.name
    elif call_id == worker.number | wire.FINAL:
        function = state.settings.finalizer.name
    elif call_id in state.table.out:
        function = state.table.out[call_id]._name
    elif call_id == worker.stopped[0]:
        function = worker.stopped[1]
    return WorkerInfo(
        worker.interpreter_id,
        worker.name,
        name,  # type: ignore[arg-type]  # it is one of the four
        function if call_id else None,
        max(monotonic() - since, 0.0) if call_id else None,
        calls,
        worker.index,
    )


def stacks(scheduler: "Scheduler", timeout: float | None) -> str:
    """Return the stacks of the running calls as text."""
    asked: list[tuple[WorkerInfo, AnyFuture]] = []
    scheduler.direct.lend()  # a signal handler may call this, and waits
    state = scheduler.state
    with state.lock:
        link = state.link
        for worker in () if link is None else state.workers.everyone():
            info = _info(state, link, worker)  # type: ignore[arg-type]  # it is not None
            if info.function is not None:
                asked.append((info, scheduler.control_calls.ask(worker, "stack", None)))
    wait([answer for _, answer in asked], timeout)
    linecache.checkcache()
    return "\n".join(_stack(info, answer) for info, answer in asked)


def _stack(info: WorkerInfo, answer: "AnyFuture") -> str:
    """Return one worker's stack as text, the innermost frame at the end, as in a traceback."""
    head = (
        f"{info.thread_name} (interpreter {info.interpreter_id}),"
        f" {info.function}, {info.state} for {info.seconds:.3f} s:\n"
    )
    if not answer.done():
        return f"{head}  no answer: it runs C code that keeps the interpreter's lock\n"
    if answer.cancelled():
        return f"{head}  it has ended\n"
    frames: list[tuple[str, int, str]] = answer.result()  # type: ignore[assignment]  # see `control`
    inner = dropwhile(lambda frame: frame[0].startswith(_PACKAGE), frames)
    lines = StackSummary.from_list([(*frame, None) for frame in inner]).format()
    return head + ("".join(lines) or "  no Python code at this moment\n")
