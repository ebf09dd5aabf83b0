"""Ways to damage an interpreter: what it calls by itself, from trace functions to the collector."""
# ruff: noqa: D103  # the name of each function says what it does

import gc
import sys
import threading
import warnings
import weakref

from damage.exploding import Bomb, Damage, explode, keep_in_circle, kept, quiet


def trace_exploding() -> None:
    sys.settrace(explode)


def profile_exploding() -> None:
    sys.setprofile(explode)


def threads_traced() -> None:
    threading.settrace(explode)
    threading.setprofile(explode)


def trace_exploding_later() -> None:
    def trace(*_: object) -> object:
        if len(kept) > 20:
            explode()
        kept.append(None)
        return trace

    sys.settrace(trace)


def monitoring_exploding() -> None:
    events = sys.monitoring.events
    sys.monitoring.use_tool_id(3, "damage")
    sys.monitoring.register_callback(3, events.PY_START, explode)
    sys.monitoring.set_events(3, events.PY_START)


def monitoring_exploding_everywhere() -> None:
    events = sys.monitoring.events
    sys.monitoring.use_tool_id(3, "damage")
    for event in (events.LINE, events.PY_RETURN, events.CALL, events.JUMP):
        sys.monitoring.register_callback(3, event, explode)
    sys.monitoring.set_events(3, events.LINE | events.PY_RETURN | events.CALL | events.JUMP)


def audit_exploding() -> None:
    sys.addaudithook(explode)


def audit_of_import_exploding() -> None:
    def hook(event: str, _: object) -> None:
        if event == "import":
            explode()

    sys.addaudithook(hook)


def audit_of_pickle_exploding() -> None:
    def hook(event: str, _: object) -> None:
        if event.startswith("pickle"):
            explode()

    sys.addaudithook(hook)


def audit_of_os_exploding() -> None:
    def hook(event: str, _: object) -> None:
        if event.startswith(("os.", "open", "_thread", "sys.")):
            explode()

    sys.addaudithook(hook)


def unraisable_hook_exploding() -> None:
    sys.unraisablehook = explode
    keep_in_circle(Bomb())


def unraisable_hook_deleted() -> None:
    del sys.unraisablehook


def excepthook_deleted() -> None:
    del sys.excepthook, sys.__excepthook__, sys.unraisablehook
    threading.excepthook = None  # type: ignore[assignment]


def displayhook_none() -> None:
    sys.displayhook = None  # type: ignore[assignment]
    sys.breakpointhook = None  # type: ignore[assignment]


def warnings_are_errors() -> None:
    warnings.simplefilter("error")


def warnings_broken() -> None:
    warnings.__dict__.clear()


def bomb_at_end() -> None:
    sys.unraisablehook = quiet
    kept.append(Bomb())


def weakref_callback_exploding() -> None:
    sys.unraisablehook = quiet
    kept.append(weakref.ref(Bomb, explode))
    weakref.finalize(Damage, explode)


# -- the garbage collector -----------------------------------------------------------


def gc_callback_exploding() -> None:
    sys.unraisablehook = quiet
    gc.callbacks.append(explode)
    gc.set_threshold(1)


def gc_callbacks_none() -> None:
    gc.callbacks = None  # type: ignore[assignment]
    gc.collect()


def gc_threshold_one() -> None:
    gc.set_threshold(1, 1, 1)


def gc_frozen() -> None:
    gc.freeze()
    gc.disable()


def gc_emptied() -> None:
    gc.__dict__.clear()


def gc_debugs_and_saves_all() -> None:
    gc.set_debug(gc.DEBUG_SAVEALL)
    keep_in_circle(1)
    gc.collect()
