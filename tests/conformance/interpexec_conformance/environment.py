"""The temporary environment in which `concurrent.futures` offers our class."""

import contextlib
import importlib.util
import os
import shutil
import signal
import subprocess
import sys
import sysconfig
import venv
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from interpexec_conformance import journal, plan
from interpexec_conformance.journal import Outcome

_START = "interpexec_conformance.finder"


class CannotRunError(Exception):
    """The tests cannot be run as asked; the message says why."""


class NoTestsError(CannotRunError):
    """The running Python was installed without its test package."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How long things may take, in seconds."""

    test: float = 60.0
    """One test; CPython's longest takes about 6. Then: all stacks, and the end."""
    module: float = 600.0
    """One module, with the end of its interpreter. Then it is killed."""


@dataclass(frozen=True, slots=True)
class Run:
    """The result of one module."""

    module: str
    returncode: int | None
    """None: it had to be killed."""
    outcomes: list[Outcome]

    @property
    def good(self) -> bool:
        """Whether all went well, the end of the process included."""
        return self.returncode == 0 and not any(o.bad for o in self.outcomes)


@dataclass(frozen=True, slots=True)
class Environment:
    """A virtual environment whose every interpreter installs `finder`."""

    directory: Path
    python: str
    has_newer: bool

    @property
    def targets(self) -> tuple[str, ...]:
        """The modules that can be run in it."""
        return tuple(plan.targets(has_pool_module=has_pool_module(), newer=self.has_newer))

    def run(
        self,
        module: str,
        *,
        patterns: tuple[str, ...] = (),
        verbosity: int = 1,
        limits: Limits = Limits(),  # frozen
        output: IO[str] | None = None,
    ) -> Run:
        """Run a module in a process of its own; it writes to `output`, or to ours."""
        notes = self.directory / f"{module}.jsonl"
        notes.touch()
        command = [
            *(self.python, "-I", "-X", "faulthandler", "-m"),
            *("interpexec_conformance.inside", module, f"--journal={notes}"),
            *(f"--limit={limits.test}", f"--verbosity={verbosity}"),
            *(f"-k={pattern}" for pattern in patterns),
        ]
        returncode = _run_to_its_end(command, self.directory, limits.module, output)
        return Run(module, returncode, journal.read(notes))


def create(directory: Path, *, stdlib_314: Path | None, substitute: bool = True) -> Environment:
    """Make an environment of the running Python below `directory`.

    With `stdlib_314`, 3.14's test package is lent to a Python that has no
    `test_interpreter_pool`. Without `substitute`, `concurrent.futures` keeps
    CPython's own class, which tells faults of the harness from ours.
    """
    if not (_test_package(Path(sysconfig.get_path("stdlib"))) / "util.py").is_file():
        message = f"{sys.executable} was installed without its test package"
        raise NoTestsError(message)
    if not substitute and not has_pool_module():
        message = "CPython 3.13 has no InterpreterPoolExecutor of its own"
        raise CannotRunError(message)
    builder = venv.EnvBuilder(symlinks=os.name != "nt")
    builder.create(directory)
    context = builder.ensure_directories(directory)
    site = Path(context.lib_path)
    _write_startup_files(site, substitute=substitute)
    if stdlib_314 is None or has_pool_module():
        return Environment(directory, context.env_exe, has_newer=False)
    _lend(stdlib_314, site / plan.NEWER)
    return Environment(directory, context.env_exe, has_newer=True)


def has_pool_module() -> bool:
    """Return whether this Python's own tests know an interpreter pool (3.14)."""
    package = _test_package(Path(sysconfig.get_path("stdlib")))
    return (package / f"{plan.POOL_MODULE}.py").is_file()


def _test_package(stdlib: Path) -> Path:
    return stdlib / "test" / "test_concurrent_futures"


def _write_startup_files(site: Path, *, substitute: bool) -> None:
    """Have each interpreter find interpexec and this package, and call `install`.

    Startup files of site-packages are honoured in isolated processes (-I) and
    in subinterpreters. 3.15 wants the call in a .start file (PEP 829) and then
    passes over the import line that 3.13 and 3.14 need.
    """
    spec = importlib.util.find_spec("interpexec")
    if spec is None or spec.origin is None:
        message = "interpexec cannot be imported: install it, or set PYTHONPATH"
        raise CannotRunError(message)
    lines = [str(Path(spec.origin).parents[1]), str(Path(__file__).parents[1])]
    if substitute:
        lines.append(f"import {_START}; {_START}.install()")
        start = site / "interpexec_conformance.start"
        start.write_text(f"{_START}:install\n", encoding="utf-8")
    pth = site / "interpexec_conformance.pth"
    pth.write_text("\n".join([*lines, ""]), encoding="utf-8")


def _lend(stdlib: Path, destination: Path) -> None:
    """Copy another Python's test package, so that no bytecode is written there."""
    package = _test_package(stdlib)
    if not (package / f"{plan.POOL_MODULE}.py").is_file():
        message = f"{package} has no {plan.POOL_MODULE}.py"
        raise CannotRunError(message)
    ignore = shutil.ignore_patterns("__pycache__")
    shutil.copytree(package, destination, ignore=ignore)


def _run_to_its_end(
    command: list[str], directory: Path, limit: float, output: IO[str] | None
) -> int | None:
    """Run a command in a process group that ends with it; return its exit code.

    Return None if it took longer than `limit` and was killed.
    """
    with subprocess.Popen(  # our own module, in our own environment
        command,
        cwd=directory,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT if output is not None else None,
        start_new_session=os.name != "nt",
    ) as process:
        try:
            return process.wait(limit)
        except subprocess.TimeoutExpired:
            return None
        finally:
            # Also what the tests had started and a time limit left behind.
            _kill_group(process)


def _kill_group(process: subprocess.Popen[bytes]) -> None:
    if os.name == "nt":
        process.kill()
        return
    # Nobody is left: the usual case. (While anybody is, the system gives the
    # group's number to no one else.)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
