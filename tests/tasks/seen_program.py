"""A program that changes its surroundings, before and after its workers start.

It prints as JSON what a worker sees, row by row. Run by `test_what_a_worker_sees`.
"""

import builtins
import decimal
import gc
import json
import logging
import os
import random
import socket
import string
import sys
import time
import warnings
from pathlib import Path

import seen
from interpexec import InterpreterPoolExecutor

rows: dict[str, object] = {}
heard: list[str] = []


class OwnWarning(UserWarning):
    """A category that no other module has."""


def change() -> None:
    """Change what a program may change."""
    os.environ["SEEN_EARLY"] = "early"
    sys.argv.append("--more")
    sys.setrecursionlimit(20_000)
    sys.set_int_max_str_digits(5000)
    sys.dont_write_bytecode = not sys.dont_write_bytecode
    sys.pycache_prefix = "/nowhere"
    warnings.simplefilter("ignore")
    warnings.filterwarnings("error", "loud")
    warnings.simplefilter("error", OwnWarning)
    random.seed(1)
    decimal.getcontext().prec = 5
    logging.basicConfig(level=logging.DEBUG)
    string.patched = builtins.patched = True  # type: ignore[attr-defined]
    gc.disable()
    gc.set_threshold(12_345)
    socket.setdefaulttimeout(7)
    sys.addaudithook(lambda event, _: heard.append(event) if event == "seen.audit" else None)
    sys.excepthook = sys.displayhook = lambda *_: None


def look(pool: InterpreterPoolExecutor) -> None:
    """Look at it from the worker, at its start."""
    for name in ("arguments", "recursion_limit", "settings", "precision", "level", "patched"):
        rows[name] = pool.submit(getattr(seen, name)).result()
    for name in ("collection", "socket_timeout", "hooks", "switch_interval", "streams", "names"):
        rows[name] = pool.submit(getattr(seen, name)).result()
    rows["environment"] = pool.submit(seen.environment, "SEEN_EARLY").result()
    rows["depth"] = pool.submit(seen.depth, 15_000).result()
    rows["flags"] = pool.submit(seen.flags).result() == seen.flags()
    rows["hash"] = pool.submit(seen.hash_of, "text").result() == hash("text")
    rows["process"] = pool.submit(seen.process).result() == os.getpid()
    rows["audit"] = pool.submit(seen.audit).result() or heard
    rows["warnings"] = [
        pool.submit(seen.warn, *each).result()
        for each in ((OwnWarning, "mine"), (UserWarning, "Loud!"), (RuntimeWarning, "quiet"))
    ]
    rows["random"] = pool.submit(seen.number).result() == random.random()


def change_later(pool: InterpreterPoolExecutor) -> None:
    """Change things beside the worker, and look again."""
    os.environ["SEEN_LATE"] = "late"
    rows["later environment"] = pool.submit(seen.environment, "SEEN_LATE").result()
    rows["environment of a child"] = pool.submit(seen.environment_of_child, "SEEN_LATE").result()
    pool.broadcast(seen.set_environment, "SEEN_LATE", "sent")[0].result()
    rows["environment that was sent"] = pool.submit(seen.environment, "SEEN_LATE").result()
    pool.submit(seen.set_environment, "SEEN_THERE", "there").result()
    rows["a worker's environment"] = [
        os.environ.get("SEEN_THERE"),
        seen.environment_of_child("SEEN_THERE"),
    ]
    os.environ["TZ"] = "Asia/Tokyo"
    time.tzset()
    rows["zone"] = pool.submit(seen.zone).result()
    pool.broadcast(time.tzset)[0].result()
    rows["zone that was set"] = pool.submit(seen.zone).result()
    os.chdir("/")
    rows["directory"] = pool.submit(seen.directory).result()
    pool.submit(seen.change_directory, "/usr").result()
    rows["a worker's directory"] = str(Path.cwd())
    os.umask(0o27)
    rows["umask"] = pool.submit(seen.umask, 0o77).result()
    rows["a worker's umask"] = os.umask(0o22)
    sys.setrecursionlimit(1000)
    rows["later recursion limit"] = pool.submit(seen.recursion_limit).result()


if __name__ == "__main__":
    change()
    with InterpreterPoolExecutor(1) as pool:
        look(pool)
        change_later(pool)
    print(json.dumps(rows))  # noqa: T201  # for the test
