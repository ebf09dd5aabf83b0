"""Ways to damage an interpreter: the modules and classes of `interpexec` in it."""
# ruff: noqa: D103  # the name of each function says what it does

import gc
import sys

from damage.exploding import Damage, explode, our_modules


def worker_emptied() -> None:
    our_modules()["interpexec._worker.main"].__dict__.clear()


def run_call_emptied() -> None:
    our_modules()["interpexec._worker.run_call"].__dict__.clear()


def wire_emptied() -> None:
    our_modules()["interpexec._worker.wire"].__dict__.clear()


def message_queue_emptied() -> None:
    our_modules()["interpexec._core.message_queue"].__dict__.clear()


def cpython_emptied() -> None:
    our_modules()["interpexec._core.cpython"].__dict__.clear()


def control_emptied() -> None:
    our_modules()["interpexec._worker.control"].__dict__.clear()


def all_of_ours_emptied() -> None:
    for module in our_modules().values():
        module.__dict__.clear()


def worker_class_exploding() -> None:
    worker = our_modules()["interpexec._worker.main"].Worker
    worker.reply = worker._receive = worker._run = explode


def helper_class_exploding() -> None:
    helper = our_modules()["interpexec._worker.control"].Helper
    helper.stop = helper._follow = helper._wake_stopped = explode


def interruptible_exploding() -> None:
    thread = our_modules()["interpexec._core.cancellation"].Interruptible
    thread.arm = thread.disarm = thread.answer_asks = explode


def raised_exploding() -> None:
    from interpexec._sharing import raised

    raised.pack = raised._describe = explode  # type: ignore[assignment]
    raise Damage("not packed")


def slots_of_ours_released() -> None:
    """Release the memory by which the main interpreter sees what the worker does."""
    for each in gc.get_objects():
        if type(each).__name__ == "Worker" and type(each).__module__ == "interpexec._worker.main":
            each._slot.release()
    frame = sys._getframe()
    while frame is not None:
        slot = frame.f_locals.get("slot")
        if isinstance(slot, memoryview):
            slot.release()
        frame = frame.f_back  # type: ignore[assignment]


def running_calls_forgotten() -> None:
    tasks = our_modules()["interpexec._core.current_call"]
    tasks.running.clear()


def interpreters_emptied() -> None:
    sys.modules["_interpreters"].__dict__.clear()
    sys.modules["_interpchannels"].__dict__.clear()
