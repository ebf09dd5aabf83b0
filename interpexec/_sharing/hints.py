"""The ways out for objects that cannot be sent, by their types.

Imported when something cannot be sent. The types are looked up by name, along the bases of a
class, so that none of their modules is imported for it.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

OTHERWISE = "make it in the function, or in an initializer"
"""The way out for objects of all other types."""

_SYNC = "use interpexec.sync.{}"
_LOOPS = f"{_SYNC}: this one is of use to its event loop only"
_ITEMS = "{verb} list(...) of it"
_THERE = "start it in the function"
_POOL = "a pool is of use only to its maker: make one in the worker, or submit from outside"
_COROUTINE = "{verb} what it gives: await it first, or call asyncio.run() in the function"
_AWAITABLE = "await it, and {verb} its result"

_HINTS = {
    "concurrent.futures._base.Executor": _POOL,
    "multiprocessing.pool.Pool": _POOL,
    "concurrent.futures._base.Future": "{verb} its result: .result()",
    # Queues and locks, for which this package has others.
    "queue.Queue": _SYNC.format("Queue"),
    "queue.LifoQueue": _SYNC.format("Queue, which is first in, first out"),
    "queue.PriorityQueue": _SYNC.format("Queue, which is first in, first out"),
    "_queue.SimpleQueue": _SYNC.format("Queue"),
    "multiprocessing.queues.Queue": _SYNC.format("Queue"),
    "multiprocessing.queues.SimpleQueue": _SYNC.format("Queue"),
    "_thread.lock": _SYNC.format("Lock"),
    "_thread.RLock": _SYNC.format("RLock"),
    **{
        f"{module}.{name}": _SYNC.format(name)
        for module in ("threading", "multiprocessing.synchronize")
        for name in ("Barrier", "BoundedSemaphore", "Condition", "Event", "Semaphore")
    },
    "multiprocessing.synchronize.Lock": _SYNC.format("Lock"),
    "multiprocessing.synchronize.RLock": _SYNC.format("RLock"),
    # Those of an event loop. Pickle would copy them.
    **{
        f"asyncio.locks.{name}": _LOOPS.format(name)
        for name in ("Barrier", "BoundedSemaphore", "Condition", "Event", "Lock", "Semaphore")
    },
    "asyncio.queues.Queue": _LOOPS.format("Queue"),
    # Things that are under way.
    "threading.Thread": _THERE,
    "multiprocessing.process.BaseProcess": _THERE,
    "subprocess.Popen": _THERE,
    "builtins.generator": _ITEMS,
    "builtins.async_generator": "{verb} its items: [item async for item in ...]",
    "builtins.coroutine": _COROUTINE,
    "asyncio.events.AbstractEventLoop": "call asyncio.run() in the function",
    "_asyncio.Future": _AWAITABLE,
    "_asyncio.Task": _AWAITABLE,
    "builtins.frame": "{verb} what it shows: traceback.format_stack(...)",
    "builtins.traceback": "{verb} what it shows: traceback.format_tb(...)",
    # Views and references.
    **{
        f"builtins.{kind}_{part}": _ITEMS
        for kind in ("dict", "odict")
        for part in ("keys", "values", "items")
    },
    **{
        f"weakref.{name}": "{verb} the object itself"
        for name in ("ReferenceType", "ProxyType", "CallableProxyType", "finalize")
    },
    "re.Match": "{verb} what it matched: .group(), .groups()",
    "posix.DirEntry": "{verb} its .path",
    # Things that each worker has its own of.
    "sqlite3.Connection": "connect in the function, or in an initializer",
    "sqlite3.Cursor": "connect in the function, or in an initializer",
    "logging.Handler": "{verb} a logger, and set up its handlers in an initializer",
    "_contextvars.Context": "{verb} the values of its variables",
}


OWN_WAYS = frozenset({"__reduce__", "__reduce_ex__", "__getstate__", "__share__"})
"""Methods by which a class says how its objects are sent."""


def way_out(obj: object, verb: str) -> str | None:
    """Return what to do where an object cannot be sent, if its type says so; else None.

    verb: what is done with objects in this place: pass, return, use.
    """
    for hint in _hints_of(type(obj)):
        return hint.format(verb=verb)
    return None


def is_bound_to_loop(cls: type) -> bool:
    """Say whether objects of a class of asyncio's, or of one made of it, are refused."""
    for base in cls.__mro__[:-1]:
        if f"{base.__module__}.{base.__qualname__}" in _HINTS:
            return True
        if OWN_WAYS & vars(base).keys():
            break
    return False


def _hints_of(cls: type) -> "Iterator[str]":
    for base in cls.__mro__:
        hint = _HINTS.get(f"{base.__module__}.{base.__qualname__}")
        if hint is not None:
            yield hint
        if OWN_WAYS & vars(base).keys() and base is not object:
            break  # the class itself says how it is sent, and that is the reason
    if hasattr(cls, "__next__") and not hasattr(cls, "readline"):
        yield _ITEMS
