"""Popular packages in workers: the command that makes docs/packages.md.

    python run.py --requirements > requirements.txt
    (an environment for each Python: pip install --only-binary :all: -r requirements.txt)
    python run.py ENVIRONMENT/bin/python ... > docs/packages.md

Each package is tried in a process of its own: in the main interpreter, and then in a worker. A use
is repeated for a while, and measured by the CPU time of its thread.
"""

import argparse
import importlib
import importlib.metadata
import json
import logging
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
sys.path[:0] = [str(HERE), str(ROOT)]

from uses import PACKAGES  # noqa: E402  # it is found by now

LIMIT = 120.0
"""Seconds for one package."""

ENOUGH = 0.1
"""Seconds of CPU time that a use is measured for, at least."""

MUCH_SLOWER = 1.5
"""Times as slow, from which on a missing C part is said to cost time."""

_SLOWER = (
    "| N times slower | the package goes on without a refused extension module, in silence, but for"
    " [`pool.refused_imports()`](observing.md#see-which-extension-modules-workers-go-without)"
    " and a warning |"
)

HEAD = f"""\
# Packages

Popular packages in workers: {{count}} of them, each used a little in the main interpreter and then
in a worker. Extension modules decide: CPython loads one in a subinterpreter only if that allows it.

| result | meaning |
|---|---|
| runs | as in the main interpreter |
| fine without | an extension module was refused, and the use was as fast without it |
{_SLOWER}
| refuses | it cannot be imported, or not used: run it in threads or processes |
| — | there is no wheel for that Python, or it fails in the main interpreter, too |

Made by `tests/packages/run.py` on {{date}}, with {{pythons}} on
{{system}}. All of them were in one environment, and some use others where they are there. A
newer release may do more: `interpexec doctor PACKAGE` tells how yours does.

"""


class Result(NamedTuple):
    """The result of a package on one Python."""

    version: str
    word: str
    refused: tuple[str, ...] = ()


def main() -> int:
    """Print the list of requirements, the result of one package, or the page."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("pythons", nargs="*", metavar="PYTHON")
    parser.add_argument("--requirements", action="store_true", help="print the packages")
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.requirements:
        print("\n".join(each.name for each in PACKAGES))  # noqa: T201  # a command
    elif options.one is not None:
        try_one(options.one)
    else:
        print(page(options.pythons), end="")  # noqa: T201  # a command
    return 0


# -- in the process of one package ------------------------------------------------------


def measure(index: int) -> float:
    """Use a package, again and again; return the CPU time of one use."""
    package = PACKAGES[index]
    module = importlib.import_module(package.module)
    package.use(module)
    count, begun = 0, time.thread_time()
    while (spent := time.thread_time() - begun) < ENOUGH:
        package.use(module)
        count += 1
    return spent / count


def try_one(index: int) -> None:
    """Print what a package does here, as JSON."""
    from interpexec import InterpreterPoolExecutor

    logging.getLogger("interpexec").setLevel(logging.ERROR)
    told: dict[str, Any] = {"version": "", "main": None, "worker": None, "refused": [], "error": ""}
    try:
        told["version"] = importlib.metadata.version(PACKAGES[index].name)
        told["main"] = measure(index)
    except Exception as error:
        told["error"] = repr(error)
    if told["main"] is not None:
        print(json.dumps(told), flush=True)  # noqa: T201  # a command; a worker may crash
        with InterpreterPoolExecutor(1) as pool:
            try:
                told["worker"] = pool.submit(measure, index).result()
            except Exception as error:
                told["error"] = repr(error)[:200]
            told["refused"] = [*pool.refused_imports()]
    print(json.dumps(told), flush=True)  # noqa: T201  # a command
    os._exit(0)  # some packages leave threads


# -- the page ---------------------------------------------------------------------------


def judge(told: "dict[str, Any] | None") -> Result:
    """Return what is said of a package, by what its process has told."""
    if told is None or told["main"] is None:
        return Result("", "—")
    refused = tuple(told["refused"])
    if told["worker"] is None:
        return Result(told["version"], "refuses" if refused else "fails", refused)
    if not refused:
        return Result(told["version"], "runs")
    ratio = told["worker"] / told["main"]
    word = f"{ratio:.1f} times slower" if ratio >= MUCH_SLOWER else "fine without"
    return Result(told["version"], word, refused)


def result(python: str, index: int) -> Result:
    """Try a package in a process of its own."""
    command = [python, str(HERE / "run.py"), "--one", str(index)]
    env = os.environ | {"PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "ignore"}
    try:
        done = subprocess.run(command, capture_output=True, timeout=LIMIT, check=False, env=env)
        lines = done.stdout.splitlines()
    except subprocess.TimeoutExpired as error:
        lines = (error.stdout or b"").splitlines()
    told = [json.loads(line) for line in lines if line.startswith(b'{"version"')]
    found = judge(told[-1] if told else None)
    note = told[-1]["error"] if told else "nothing told"
    print(python, PACKAGES[index].name, found, note, file=sys.stderr, flush=True)  # noqa: T201  # a command
    return found


def page(pythons: list[str]) -> str:
    """Return the page, for some Pythons."""
    told = "from platform import *; print(python_version(), system(), machine())"
    known = [subprocess.check_output([each, "-c", told], text=True).split() for each in pythons]
    with ThreadPoolExecutor(2) as executor:
        columns = [[*executor.map(partial(result, each), range(len(PACKAGES)))] for each in pythons]
    versions = [version.rpartition(".")[0] for version, *_ in known]
    head = HEAD.format(
        count=len(PACKAGES),
        date=datetime.now(UTC).date(),
        pythons="CPython " + ", ".join(version for version, *_ in known),
        system=" ".join(known[0][1:]),
    )
    lines = [f"| package | {' | '.join(versions)} | refused |", "|---" * (len(pythons) + 2) + "|"]
    for package, *results in zip(PACKAGES, *columns, strict=True):
        version = next((each.version for each in results if each.version), "")
        refused = dict.fromkeys(name for each in results for name in each.refused[:1])
        words = " | ".join(each.word for each in results)
        names = ", ".join(f"`{name}`" for name in refused)
        lines.append(f"| {package.name} {version} | {words} | {names} |")
    return head + "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main())
