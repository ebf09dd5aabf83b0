"""The extension modules that workers of a pool could not load. Imported when there is one."""

import logging
import pickle

from interpexec._pool.parking import Latch

TYPE_CHECKING = False
if TYPE_CHECKING:
    from interpexec._pool.state import PoolState
    from interpexec._sharing.package import Packed

_logger = logging.getLogger("interpexec")

_LIMIT = 1.0
"""Seconds to wait for the collector, which may be busy with a result."""


def note(state: "PoolState", payload: "Packed") -> None:
    """Learn that a worker could not load a module. A warning tells it, once for each pool.

    payload: of the notice.
    """
    name, importer = pickle.loads(payload)  # type: ignore[arg-type]  # bytes, and our own
    with state.lock:
        is_known = name in state.refused_imports
        state.refused_imports.setdefault(name, importer)
    if not is_known:
        _logger.warning(
            "%s could not be loaded in a worker of %s: it does not support subinterpreters. %s may"
            " go on without it, slower or with parts missing",
            *(name, state.name, "The call" if importer in {"", "__main__"} else importer),
        )


def refused_imports(state: "PoolState") -> dict[str, str]:
    """Return the names of the modules, and of those that imported them.

    Those that were refused before the last answers are among them: the collector has them by then.
    """
    handled = Latch()
    with state.lock:
        if state.link is None:
            handled.open()
        else:
            state.leave_to_collector(handled.open)
    handled.wait(_LIMIT)
    with state.lock:
        return dict(state.refused_imports)
