"""Holders of an end, a queue or a lock: stopped while making one, garbage, or forked."""

import errno
import gc
import os
import sys
import warnings
import weakref
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

import stoppable
import sync_tasks
from interpexec import ChannelClosedError, SharedBuffer, TokenError, buffers, create_channel, sync
from interpexec._core import destructors, handles
from interpexec._sharing import tokens
from interpexec._sync import wait_queue
from interpexec.sharing import from_token, to_token
from programs import output, write
from stops import TIME_LIMIT, Pipe, finish, pool_of, start

# -- calls that are stopped ------------------------------------------------------------


@pytest.mark.parametrize(
    ("place", "make"),
    [
        (("_sync.monitor", "Wakeup", "wake"), sync_tasks.make_lock),
        (("_sync.monitor", "Wakeup", "wake"), sync_tasks.make_channel),
        (("_sync.shared_queue", "Ring", "make"), sync_tasks.make_channel),
        (("_sharing.entries", "", "duplicates"), sync_tasks.make_channel),
    ],
    ids=lambda part: part.__name__ if callable(part) else "-".join(part[::2]),
)
def test_stopped_while_it_makes_one(
    place: tuple[str, str, str], make: Callable[[], None], begun: Pipe
) -> None:
    """No descriptor is left of it: the fixtures see to that."""
    with pool_of(1) as pool:
        future = pool.submit(sync_tasks.Hold(*place), begun.writer, make)
        assert begun.hear()
        assert future.cancel()


@pytest.mark.parametrize("kind", ["sender", "receiver", "queue"])
def test_stopped_while_it_shares_one(kind: str, begun: Pipe) -> None:
    """The one that was counted, and never was anywhere, is counted out."""
    receiver, sender = create_channel()
    queue = sync.Queue()
    shared = {"sender": sender, "receiver": receiver, "queue": queue}[kind]
    hold = sync_tasks.Hold("_sharing.entries", "", "duplicates")
    with receiver, sender:
        with pool_of(1) as pool:
            future = pool.submit(hold, begun.writer, sync_tasks.share, shared)
            assert begun.hear()
            assert future.cancel()
        if kind == "sender":
            sender.release()
            with pytest.raises(ChannelClosedError):
                receiver.recv(TIME_LIMIT)
        elif kind == "receiver":
            receiver.release()
            with pytest.raises(ChannelClosedError):
                sender.send(1, TIME_LIMIT)


def test_stopped_while_the_barrier_opens(begun: Pipe) -> None:
    """Waiting threads are let go, and the barrier can be used again."""
    barrier = sync.Barrier(2)
    passed: list[int] = []
    waiter = start(lambda: passed.append(barrier.wait(TIME_LIMIT)))
    with pool_of(1) as pool:
        hold = sync_tasks.Hold("_sync.conditions", "Condition", "notify_all")
        future = pool.submit(hold, begun.writer, sync_tasks.meet, barrier, 1)
        assert begun.hear()
        assert future.cancel()
        finish(waiter)
    assert len(passed) == 1
    again = start(lambda: passed.append(barrier.wait(TIME_LIMIT)))
    barrier.wait(TIME_LIMIT)
    finish(again)
    assert len(passed) == 2


def test_stopped_in_the_action_of_a_barrier(begun: Pipe) -> None:
    """The action is the user's: it is interrupted, and the barrier is broken."""
    barrier = sync.Barrier(1, partial(stoppable.spin, begun.writer))
    with pool_of(1) as pool:
        future = pool.submit(sync_tasks.meet, barrier, 1)
        assert begun.hear()
        assert future.cancel()
        assert pool.submit(int).result(TIME_LIMIT) == 0
    assert barrier.broken


# -- garbage ------------------------------------------------------------------------------


def _cycle(content: object) -> None:
    cycle: list[Any] = [content]
    cycle.append(cycle)


def test_garbage_that_is_collected_inside_of_a_monitor() -> None:
    """Its destructor runs afterwards, on descriptors that are open still."""
    receiver, sender = create_channel()
    other, ours = create_channel()
    with receiver, other, ours:
        gc.collect()
        gc.disable()
        try:
            _cycle(sender)
            del sender
            other._queue._monitor.run(gc.collect)
        finally:
            gc.enable()
        with pytest.raises(ChannelClosedError):
            receiver.recv_nowait()


def test_garbage_that_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """The last sender is collected when its receiver is inside already, about to sleep."""

    class Collecting(wait_queue.Wakeup):
        def __init__(self, *args: Any) -> None:
            super().__init__(*args)
            gc.collect()

    receiver, sender = create_channel()
    with receiver:
        gc.collect()
        gc.disable()
        try:
            _cycle(sender)
            del sender
            monkeypatch.setattr(wait_queue, "Wakeup", Collecting)
            with pytest.raises(ChannelClosedError):
                receiver.recv(TIME_LIMIT)
        finally:
            gc.enable()


def test_an_error_in_a_postponed_destructor(monkeypatch: pytest.MonkeyPatch) -> None:
    """The exception reaches no caller: it goes to the hook for exceptions of destructors."""
    raised: list[type[BaseException]] = []
    receiver, sender = create_channel()

    class Raising:
        def __del__(self) -> None:
            destructors.outside(self.fail)

        def fail(self) -> None:
            raise ZeroDivisionError

    def step() -> int:
        Raising()
        return 5

    monkeypatch.setattr(sys, "unraisablehook", lambda about: raised.append(about.exc_type))
    with receiver, sender:
        assert receiver._queue._monitor.run(step) == 5
    assert raised == [ZeroDivisionError]


def test_the_last_holder_is_released_first() -> None:
    """The holder that was made last: also at the address of a former one."""

    class Holder:
        def release(self) -> None: ...

    first, second = Holder(), Holder()
    gone = Holder()
    dead = weakref.ref(gone)
    del gone
    handles._holders[id(second)] = dead
    handles.release_at_end(first)
    handles.release_at_end(second)
    order = [reference() for reference in handles._holders.values()]
    assert order.index(first) < order.index(second)
    for each in (first, second):
        handles.forget(each)


def test_in_the_globals_of_a_program_that_ends(tmp_path: Path) -> None:
    """Without a function of its own, its modules are emptied before they are let go of."""
    program = """
        from interpexec import InterpreterPoolExecutor, create_channel
        from interpexec.sync import Queue
        if __name__ == "__main__":
            queue, ends = Queue(), create_channel()
            with InterpreterPoolExecutor(1) as pool:
                pool.submit(int).result()
            print("done")
    """
    assert output(write(tmp_path / "program.py", program)) == "done\n"


# -- forked -------------------------------------------------------------------------------


def _in_child(what: Callable[[], object], told: Pipe) -> str:
    """Fork; return the name of what is raised in the child."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # there are threads
        child = os.fork()
    if not child:
        name = b"nothing"
        try:
            what()
        except BaseException as error:
            name = type(error).__name__.encode()
        finally:
            os.write(told.writer, name + b"\n")
            os._exit(0)
    os.waitpid(child, 0)
    return told.rest().decode().strip()


@pytest.mark.slow
def test_locks_cannot_be_sent_in_a_child(told: Pipe) -> None:
    """Their words are the parent's."""
    for shared in (sync.Lock(), sync.RLock(), sync.Event(), sync.Barrier(2), sync.Queue()):

        def use(shared: object = shared) -> None:
            to_token(shared)

        assert _in_child(use, told) == "NotShareableError"


@pytest.mark.slow
def test_methods_without_a_mutex_are_refused_in_a_child(told: Pipe) -> None:
    """Nothing is changed at the parent's."""
    event, lock = sync.Event(), sync.RLock()
    event.set()
    lock.acquire()
    assert _in_child(event.clear, told) == "RuntimeError"
    assert _in_child(lock.acquire, told) == "RuntimeError"
    assert event.is_set()
    lock.release()
    assert not lock.locked()


@pytest.mark.slow
def test_a_package_that_the_child_lets_go_of(told: Pipe) -> None:
    """Its contents are the parent's: an end, which is counted once, and a token."""
    receiver, sender = create_channel()
    with receiver:
        packages = [tokens.take(to_token(sender)), tokens.take(to_token([_token_of(5)]))]
        sender.release()
        assert _in_child(lambda: [package.abandon() for package in packages], told) == "nothing"
        assert not receiver.closed
        packages[0].abandon()
        assert receiver.closed
        packages[1].abandon()


class _token_of:  # noqa: N801  # a recipe
    """Is sent as a token."""

    def __init__(self, value: object) -> None:
        self.value = value

    def __reduce__(self) -> tuple[object, ...]:
        return from_token, (to_token(self.value),)


# -- what fails ---------------------------------------------------------------------------


LONG = 100_000

_map_file = buffers.map_file


def map_short_file(fd: int, size: int, offset: int = 0) -> object:
    """Have no memory for what is long."""
    if size >= LONG:
        raise OSError(errno.ENOMEM, "no memory")
    return _map_file(fd, size, offset)


def test_out_of_band_data_of_a_message_that_cannot_be_mapped(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The descriptors in the message are given back."""
    receiver, sender = create_channel()
    theirs, mine = create_channel()

    with receiver, sender, theirs:
        sender.send((mine, "x" * LONG))
        mine.release()
        with monkeypatch.context() as patch, pytest.raises(OSError, match="no memory"):
            patch.setattr(buffers, "map_file", map_short_file)
            receiver.recv()
        assert theirs.closed


def test_a_message_that_cannot_be_mapped_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    """Dropping a message does not map its data."""
    receiver, sender = create_channel()
    theirs, mine = create_channel()
    with theirs:
        sender.send((mine, "x" * LONG))
        mine.release()
        monkeypatch.setattr(buffers, "map_file", map_short_file)
        receiver.release()
        sender.release()
        assert theirs.closed


@pytest.mark.parametrize("use", ["from_token", "abandon"])
def test_no_descriptor_left_for_a_token(use: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The object goes on waiting."""
    from interpexec import sharing

    token = to_token("waits")

    def fail(_fd: int) -> int:
        raise OSError(errno.EMFILE, "too many open files")

    with monkeypatch.context() as patch:
        patch.setattr(tokens.os, "dup", fail)
        with pytest.raises(OSError, match="too many"):
            getattr(sharing, use)(token)
    assert from_token(token) == "waits"
    with pytest.raises(TokenError):
        from_token(token)


class Failing:
    """Cannot be unpickled."""

    def __init__(self, error: type[Exception]) -> None:
        self.error = error

    def __reduce__(self) -> tuple[object, ...]:
        return _fail, (self.error,)


def _fail(error: type[Exception]) -> None:
    raise error("of its own")


def test_errors_of_unpickling_are_not_the_channels() -> None:
    """An object may raise what channels and queues raise, too."""
    import queue as standard

    from interpexec import ChannelEmptyError

    receiver, sender = create_channel()
    with receiver, sender:
        for error in (ChannelClosedError, ChannelEmptyError):
            sender.send(Failing(error))
            with pytest.raises(error, match="of its own"):
                next(receiver)
            sender.send(Failing(error))
            with pytest.raises(error, match="of its own"):
                receiver.recv()
    queue = sync.Queue()
    for error in (ChannelClosedError, ChannelEmptyError, standard.Empty):
        queue.put(Failing(error))
        with pytest.raises(error, match="of its own"):
            queue.get()


def test_buffers_outlive_what_they_came_with() -> None:
    """A block in a message that was restored is its own."""
    receiver, sender = create_channel()
    with receiver, sender, SharedBuffer.copy_of(b"alive") as block:
        sender.send((block, "x" * LONG))
        theirs, _ = receiver.recv()
        with theirs:
            assert theirs[:] == b"alive"
