"""The surroundings of a worker: one function for each row of the document.

Workers import this. Each returns something that can be written as JSON.
"""

import asyncio
import atexit
import decimal
import gc
import locale
import logging
import os
import random
import resource
import signal
import socket
import string
import subprocess
import sys
import threading
import time
import warnings
from pathlib import Path


def environment(name: str) -> str | None:
    """Return a variable as `os.environ` has it."""
    return os.environ.get(name)


def environment_of_child(name: str) -> str:
    """Return a variable as a process has it that was started without an environment of its own."""
    return subprocess.run(
        ["sh", "-c", f"echo ${name}"], capture_output=True, text=True, check=True
    ).stdout.strip()


def set_environment(name: str, value: str) -> None:
    """Change a variable."""
    os.environ[name] = value


def directory() -> str:
    """Return the current directory."""
    return str(Path.cwd())


def change_directory(path: str) -> None:
    """Go there."""
    os.chdir(path)


def umask(value: int) -> int:
    """Set the mask of new files; return what it was."""
    return os.umask(value)


def open_files() -> list[int]:
    """Return the limit of open files."""
    return [*resource.getrlimit(resource.RLIMIT_NOFILE)]


def process() -> int:
    """Return the number of the process."""
    return os.getpid()


def numbers() -> str:
    """Return the locale of numbers."""
    return locale.setlocale(locale.LC_NUMERIC)


def zone() -> list[str]:
    """Return the name of the time zone, and the one by which times are converted."""
    return [time.tzname[0], time.strftime("%Z", time.localtime(0))]


def hash_of(text: str) -> int:
    """Return the hash of a text."""
    return hash(text)


def arguments() -> list[str]:
    """Return `sys.argv`."""
    return sys.argv


def path() -> list[str]:
    """Return `sys.path`."""
    return sys.path


def flags() -> str:
    """Return `sys.flags`, and the options of -X and -W."""
    return f"{sys.flags} {sys._xoptions} {sys.warnoptions} {__debug__}"


def recursion_limit() -> int:
    """Return how deep calls may be."""
    return sys.getrecursionlimit()


def depth(limit: int) -> int:
    """Call itself so often."""
    return 0 if not limit else 1 + depth(limit - 1)


def settings() -> list[object]:
    """Return settings of `sys` that programs change."""
    return [sys.get_int_max_str_digits(), sys.dont_write_bytecode, sys.pycache_prefix]


def warn(category: type[Warning], text: str) -> str:
    """Give a warning; say what has become of it."""
    try:
        warnings.warn(text, category, stacklevel=1)
    except Warning as error:
        return f"raised {type(error).__name__}"
    return "not raised"


def number() -> float:
    """Return a random number."""
    return random.random()


def number_of(generator: random.Random) -> float:
    """Return a random number of a generator that was sent."""
    return generator.random()


def precision() -> int:
    """Return the precision of decimal numbers."""
    return decimal.getcontext().prec


def set_precision(value: int) -> None:
    """Change the precision of this worker's thread."""
    decimal.getcontext().prec = value


def level() -> list[object]:
    """Return the level of the root logger, and how many handlers it has."""
    root = logging.getLogger()
    return [root.level, len(root.handlers)]


def patched() -> list[bool]:
    """Say whether a module, and the builtins, have what the program has put there."""
    return [hasattr(string, "patched"), "patched" in vars(__import__("builtins"))]


def collection() -> list[object]:
    """Return the settings of the garbage collector, as far as programs change them."""
    return [gc.isenabled(), gc.get_threshold()[0], gc.get_debug()]


def socket_timeout() -> float | None:
    """Return the default timeout of sockets."""
    return socket.getdefaulttimeout()


def hooks() -> list[bool]:
    """Say whether hooks are Python's own."""
    return [
        sys.excepthook is sys.__excepthook__,
        sys.displayhook is sys.__displayhook__,
        threading.excepthook is threading.__excepthook__,  # type: ignore[attr-defined]
        sys.gettrace() is None,
        sys.getprofile() is None,
    ]


def audit() -> None:
    """Raise an event that audit hooks hear."""
    sys.audit("seen.audit")


def switch_interval() -> float:
    """Return after how many seconds a thread gives the GIL away."""
    return sys.getswitchinterval()


def streams() -> list[object]:
    """Return the descriptors and the encoding of the standard streams."""
    return [sys.stdout.fileno(), sys.stderr.fileno(), sys.stdin.fileno(), sys.stdout.encoding]


def say(text: str) -> None:
    """Print something."""
    print(text)  # noqa: T201  # that is the question


def names() -> list[str | None]:
    """Return what `__main__` is called here, and what it says of its file."""
    main = sys.modules["__main__"]
    return [main.__name__, getattr(main, "__file__", None)]


_local = threading.local()


def count_local() -> int:
    """Count the calls in this thread."""
    _local.count = getattr(_local, "count", 0) + 1
    return int(_local.count)


def modules() -> list[str]:
    """Return the names of the modules that this interpreter has imported."""
    return [*sys.modules]


def thread() -> list[object]:
    """Return whether this is the main thread, as `threading` and as `signal` have it."""
    return [
        threading.current_thread() is threading.main_thread(),
        threading.current_thread().name,
        threading.current_thread().daemon,
    ]


def handle_signal() -> None:
    """Set a handler of a signal."""
    signal.signal(signal.SIGUSR1, signal.SIG_IGN)


def handle_signal_in_loop() -> None:
    """Have an event loop handle a signal."""

    async def main() -> None:
        asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, int)

    asyncio.run(main())


def at_exit(file: str) -> None:
    """Write a file when this interpreter ends."""
    atexit.register(Path(file).touch)


def leave_thread(descriptor: int, file: str) -> None:
    """Leave a thread behind that writes a file when something can be read."""

    def run() -> None:
        os.read(descriptor, 1)
        Path(file).touch()

    threading.Thread(target=run).start()


def start_daemon() -> None:
    """Start a thread that nobody waits for."""
    threading.Thread(target=int, daemon=True).start()


def run_asyncio() -> list[object]:
    """Run an event loop, with a thread and a process."""

    async def main() -> list[object]:
        process = await asyncio.create_subprocess_exec("echo", "hi", stdout=subprocess.PIPE)
        out, _ = await process.communicate()
        return [out.decode(), process.returncode, await asyncio.to_thread(int)]

    return asyncio.run(main())


def run_process() -> str:
    """Run a program."""
    return subprocess.run(["echo", "hi"], capture_output=True, text=True, check=True).stdout


def run_process_with_function() -> None:
    """Run a program, and a function of ours before it, in the child."""
    subprocess.run(["true"], check=True, preexec_fn=int)


def fork() -> None:
    """Copy the process."""
    os.fork()


def become() -> None:
    """Become another program."""
    os.execv("/bin/true", ["true"])


def multiprocess(method: str) -> int | None:
    """Run a process by `multiprocessing`; return its exit status."""
    import multiprocessing

    process = multiprocessing.get_context(method).Process(target=int)  # type: ignore[attr-defined]
    process.start()
    process.join()
    return process.exitcode  # type: ignore[no-any-return]


def multiprocess_pool(method: str) -> int:
    """Run a pool of processes."""
    import multiprocessing

    with multiprocessing.get_context(method).Pool(1) as pool:
        return pool.apply(int)


def process_pool() -> int:
    """Use an executor of processes."""
    import multiprocessing
    from concurrent.futures import ProcessPoolExecutor

    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        return pool.submit(int).result()


def executors() -> list[int]:
    """Use pools of threads and of interpreters."""
    from concurrent.futures import ThreadPoolExecutor

    from interpexec import InterpreterPoolExecutor

    with ThreadPoolExecutor(1) as threads, InterpreterPoolExecutor(1) as interpreters:
        return [threads.submit(int).result(), interpreters.submit(int, "7").result()]


def refused_modules() -> list[str]:
    """Return those of some modules that cannot be imported here."""
    refused = []
    for name in ("faulthandler", "tracemalloc", "readline", "json"):
        try:
            __import__(name)
        except ImportError:
            refused.append(name)
    return refused
