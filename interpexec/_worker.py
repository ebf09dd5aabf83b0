"""The far side: all that runs in a worker's interpreter.

    receive the Setup -> run the initializer -> take a call, run it, send Done -> ...
                                                until the request channel is closed

Its thread entered this interpreter once and stays: entering costs 100-200 µs
on 3.14. What is imported here is paid again by every worker, so slow paths
import what they need when they are taken.
"""

import _pickle
import sys

from interpexec import _main, _messages
from interpexec._messages import AFTER_MAIN, FAILURE, NOT_READY, VALUE
from interpexec._runtime import Fifo, name_this_thread
from interpexec.channels import Channel, Token
from interpexec.errors import ChannelClosedError

type Setup = tuple[int, Token, Token, memoryview, bytes]
"""The seat, the request and reply channels, the slots, and a pickled Config."""

type Config = tuple[str, list[str], _main.Origin | None, bytes | None]
"""Thread name, sys.argv, how the program was started, the pickled initializer."""


def main(setup_line: int) -> None:
    """Be a worker until there is nothing left to do. Called by the bootstrap."""
    setup: Setup = Fifo(setup_line).recv()  # type: ignore[assignment]
    seat, requests_token, replies_token, slots, pickled = setup
    config: Config = _pickle.loads(pickled)  # our own bytes
    name, sys.argv[:], origin, initializer = config
    name_this_thread(name)
    _main.expect(origin)
    requests, replies = Channel(token=requests_token), Channel(token=replies_token)
    worker = Worker(seat, requests, replies, slots)
    try:
        if worker.initialize(initializer):
            worker.work()
    finally:
        # Home's memory is let go before this interpreter ends, not by its end.
        requests.release()
        replies.release()
        slots.release()
        _flush()


class Worker:
    """Takes calls from one channel, runs them, and answers on another."""

    def __init__(
        self,
        seat: int,
        requests: Channel,
        replies: Channel,
        slots: "memoryview | list[int]",
    ) -> None:
        self._seat = seat
        self._requests = requests
        self._replies = replies
        # What each worker is doing, for home to read at any time: a call's id,
        # or 0. One aligned store by this worker, which alone writes its slot.
        self._slots = slots

    def initialize(self, initializer: bytes | None) -> bool:
        """Run the pool's initializer. A failure is reported home; then False."""
        if initializer is None:
            return True
        try:
            function, args, _ = _main.loads(initializer)
            function(*args)  # what it returns is of no interest
        except BaseException as error:  # the user's code
            failure = _pack(error)
        else:
            return True
        self._reply(failure, 0, NOT_READY)
        return False

    def work(self) -> None:
        """Serve calls until the request channel is closed and empty."""
        while True:
            try:
                message = self._requests.recv(self._seat)
            except ChannelClosedError:
                return
            payload, call_id, _ = _messages.unseal(message)  # type: ignore[arg-type]
            self._slots[self._seat] = call_id
            value, failure = _attempt(payload)
            if failure is None:
                self._reply(value, call_id, VALUE)
            else:
                self._reply(failure, call_id, FAILURE)
            self._slots[self._seat] = 0
            # Nothing of this call is kept while waiting for the next one.
            del message, payload, value, failure

    def _reply(self, payload: "bytes | None", call_id: int, kind: int) -> None:
        """Send Done home."""
        if _main.was_run():
            kind |= AFTER_MAIN
        self._replies.send(_messages.seal(payload, call_id, kind))  # type: ignore[arg-type]


def _attempt(payload: bytes) -> tuple[bytes | None, bytes | None]:
    """Run a pickled call. Return its pickled value, or None and the packed failure.

    Whatever the call raises is a failure of the call: SystemExit and
    KeyboardInterrupt too.
    """
    try:
        call = _main.loads(payload)
    except BaseException as error:  # the user's classes run here
        return None, _pack_unpickling(error)
    fn, args, kwargs = call
    try:
        value = fn(*args, **kwargs)
    except BaseException as error:  # see above
        return None, _pack(error)
    try:
        return _messages.dumps_value(value), None
    except BaseException as error:  # the user's classes run here
        return None, _pack(error)


def _pack(error: BaseException) -> bytes:
    """Pack an exception that left `_attempt`, without our own frame."""
    from interpexec import _failures  # most workers never fail

    return _failures.pack(error, skip=1)


def _pack_unpickling(error: BaseException) -> bytes:
    """Pack what happened while a call was unpickled.

    A failed import, or a program that could not be run again, is the user's
    news and goes home as it is. Anything else becomes a NotShareableError, as
    in the stdlib's class.
    """
    from interpexec import _failures  # as above

    return _failures.pack_unpickling(error, skip=1)


def _flush() -> None:
    """Write out what the calls printed: the interpreter ends now, not the process."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except Exception:  # noqa: S110  # the user's stream, or a closed one
            pass
