"""Objects that misbehave, by what carries them, where it happens, and what happens there."""

import os
from collections.abc import Callable, Iterator
from concurrent.futures import Future, wait
from typing import Any

import mischief
from campaign import BETWEEN
from mischief import ARRIVES, DEPARTS, DIES, MAIN, RUNS, WORKER, Traveller
from use import require

LIMIT = 10.0
"""Seconds within which a call must end, one way or the other."""

type Carrier = Callable[[Any, str, str], "list[Future[object]]"]


def as_function(pool: Any, place: str, event: str) -> "list[Future[object]]":
    """Submit it as the function."""
    return [pool.submit(Traveller(place, event))]


def as_argument(pool: Any, place: str, event: str) -> "list[Future[object]]":
    """Submit it as an argument, deep inside."""
    return [pool.submit(mischief.take, {"in": [Traveller(place, event)]})]


def as_result(pool: Any, place: str, event: str) -> "list[Future[object]]":
    """Have it as a result."""
    return [pool.submit(mischief.make, place, event)]


def as_exception(pool: Any, place: str, event: str) -> "list[Future[object]]":
    """Have it inside an exception."""
    return [pool.submit(mischief.fail, place, event)]


def as_item(pool: Any, place: str, event: str) -> "list[Future[object]]":
    """Map over some of them."""
    for _ in pool.map(mischief.take, [Traveller(place, event) for _ in range(3)], timeout=LIMIT):
        pass
    return []


def as_item_result(pool: Any, place: str, event: str) -> "list[Future[object]]":
    """Have them as results of a map."""
    for _ in pool.map(mischief.make, [place] * 3, [event] * 3, timeout=LIMIT):
        pass
    return []


def in_callback(pool: Any, _place: str, event: str) -> "list[Future[object]]":
    """Let it happen in a callback."""
    future = pool.submit(abs, -1)
    future.add_done_callback(lambda _: mischief.happen(event))
    return [future]


def in_broadcast(pool: Any, _place: str, event: str) -> "list[Future[object]]":
    """Let it happen in what is broadcast."""
    return list(pool.broadcast(mischief.happen, event))


def as_broadcast_argument(pool: Any, place: str, event: str) -> "list[Future[object]]":
    """Broadcast it."""
    return list(pool.broadcast(mischief.take, Traveller(place, event)))


def as_broadcast_result(pool: Any, place: str, event: str) -> "list[Future[object]]":
    """Have it as a result of what is broadcast."""
    return list(pool.broadcast(mischief.make, place, event))


def as_message(pool: Any, place: str, event: str) -> "list[Future[object]]":
    """Send it through a channel."""
    from interpexec import create_channel

    receiver, sender = create_channel()
    with receiver, sender:
        future = pool.submit(mischief.receive, receiver)
        try:
            sender.send(Traveller(place, event))
        finally:
            wait([future], LIMIT)
    return [future]


GOES = [f"{DEPARTS} {MAIN}", f"{ARRIVES} {WORKER}"]
COMES = [f"{DEPARTS} {WORKER}", f"{ARRIVES} {MAIN}"]
ENDS = [f"{DIES} {WORKER}", f"{DIES} {MAIN}"]

CARRIERS: dict[str, tuple[Carrier, list[str]]] = {
    "function": (as_function, [*GOES, f"{RUNS} {WORKER}", *ENDS]),
    "argument": (as_argument, [*GOES, *ENDS]),
    "result": (as_result, [*COMES, *ENDS]),
    "exception": (as_exception, [*COMES, *ENDS]),
    "item": (as_item, [*GOES, *ENDS]),
    "item's result": (as_item_result, [*COMES, *ENDS]),
    "callback": (in_callback, [f"{RUNS} {MAIN}"]),
    "broadcast": (in_broadcast, [f"{RUNS} {WORKER}"]),
    "broadcast's argument": (as_broadcast_argument, [*GOES, *ENDS]),
    "broadcast's result": (as_broadcast_result, [*COMES, *ENDS]),
    "message": (as_message, [*GOES, *ENDS]),
}

LIMITED = "spin for ever"
"""Stopped by a time limit; so it is tried only where one applies: while a call is in a worker."""

WITH_LIMITS = ("function", "argument", "result", "exception", "item", "item's result")


def cases() -> Iterator[str]:
    """Yield the names of the cases of misbehaving objects."""
    for carrier, (_, places) in CARRIERS.items():
        for place in places:
            in_call = place.endswith(WORKER) and not place.startswith(DIES)
            for event in mischief.EVENTS:
                if event != LIMITED or (in_call and carrier in WITH_LIMITS):
                    yield BETWEEN.join((carrier, place, event))
    for carrier, places in (("initializer", [f"{RUNS} {WORKER}"]), ("initarg", GOES)):
        for place in places:
            for event in mischief.EVENTS.keys() - {LIMITED}:
                yield BETWEEN.join((carrier, place, event))


def misbehave(carrier: str, place: str, event: str) -> None:
    """Let an object misbehave beside an ordinary call; neither that nor the pool suffers."""
    from interpexec import InterpreterPoolExecutor

    gate, key = os.pipe()
    with InterpreterPoolExecutor(2) as pool:
        pool.warm()
        beside = pool.submit(mischief.wait_for, gate)
        try:
            view = pool.with_options(timeout=0.3) if event == LIMITED else pool
            futures = CARRIERS[carrier][0](view, place, event)
        except BaseException:
            futures = []  # an error is an answer
        require(not wait(futures, LIMIT).not_done, "lost future", futures)
        os.write(key, b"!")
        require(_answer(beside) == "beside", "suffering call")
        require(_answer(pool.submit(pow, 2, 10)) == 1024, "dead pool")
        del futures
    os.close(gate)
    os.close(key)


def misbehave_at_start(carrier: str, place: str, event: str) -> None:
    """Let an initializer misbehave: the calls end, and only its errors break the pool."""
    from interpexec import BrokenInterpreterPool, InterpreterPoolExecutor

    if carrier == "initializer":
        made: dict[str, Any] = {"initializer": mischief.happen, "initargs": (event,)}
    else:
        made = {"initializer": mischief.initialize, "initargs": (Traveller(place, event),)}
    try:
        pool = InterpreterPoolExecutor(2, **made)
    except BaseException:
        return  # an error is an answer
    with pool:
        calls: list[Future[object]] = []
        try:
            calls = [pool.submit(pow, 2, 10) for _ in range(5)]
        except BrokenInterpreterPool:
            pass  # as the documentation says
        require(not wait(calls, LIMIT).not_done, "lost future", calls)
        for call in calls:
            error = call.exception()
            fits = isinstance(error, BrokenInterpreterPool) or call.result() == 1024
            require(fits, "wrong result", error)


def _answer(future: "Future[object]") -> object:
    """Return a result; an error is returned, too."""
    try:
        return future.result(LIMIT)
    except BaseException as error:
        return error
