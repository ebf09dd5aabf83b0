"""The surroundings of a worker: the rows of `docs/what-a-worker-sees.md`."""

import json
import os
import random
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import programs
import seen
from gates import TIME_LIMIT
from interpexec import InterpreterPoolExecutor

PROGRAM = programs.TESTS / "tasks" / "seen_program.py"

ROWS: dict[str, object] = {
    # As it was when the worker started.
    "arguments": [str(PROGRAM), "--some", "--more"],
    "environment": "early",
    "later environment": None,
    "environment that was sent": "sent",
    "flags": True,
    "recursion_limit": 20_000,
    "depth": 15_000,
    "later recursion limit": 20_000,
    "warnings": ["raised OwnWarning", "raised UserWarning", "not raised"],
    # Of the process.
    "environment of a child": "late",
    "a worker's environment": [None, "there"],
    "directory": "/",
    "a worker's directory": "/usr",
    "umask": 0o27,
    "a worker's umask": 0o77,
    "hash": True,
    "process": True,
    "zone": ["UTC", "JST"],
    "zone that was set": ["JST", "JST"],
    # Its own.
    "random": False,
    "precision": 28,
    "level": [30, 0],
    "patched": [False, False],
    "socket_timeout": None,
    "hooks": [True, True, True, True, True],
    "audit": [],
    "switch_interval": 0.001,
    "streams": [1, 2, 0, "utf-8"],
    "names": ["__main__", None],
}


@pytest.fixture(scope="module")
def rows() -> dict[str, object]:
    """Run the program that changes its surroundings, once."""
    environment = {"TZ": "UTC", "PYTHONIOENCODING": "utf-8"}
    printed = programs.output(PROGRAM, "--some", environment=environment)
    return json.loads(printed.splitlines()[-1])  # type: ignore[no-any-return]


@pytest.mark.parametrize("row", ROWS)
def test_row(rows: dict[str, object], row: str) -> None:
    """A program changes everything, before its worker starts and after."""
    assert rows[row] == ROWS[row]


def test_settings_of_sys_are_those_of_the_start(rows: dict[str, object]) -> None:
    """Long integers, bytecode, and where that is written."""
    writes_none = not sys.flags.dont_write_bytecode
    assert rows["settings"] == [5000, writes_none, "/nowhere"]


def test_the_collector_has_its_own_settings(rows: dict[str, object]) -> None:
    """The program has disabled it, and changed the threshold."""
    is_enabled, threshold, debug = rows["collection"]  # type: ignore[misc]  # three
    assert (is_enabled, debug) == (True, 0)
    assert threshold != 12_345


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["-O"], "optimize=1"),
        (["-X", "dev"], "'dev': True"),
        (["-X", "utf8"], "utf8_mode=1"),
        (["-W", "error::BytesWarning"], "['error::BytesWarning'"),
        (["-b"], "bytes_warning=1"),
        (["-B"], "dont_write_bytecode=1"),
    ],
)
def test_options_of_python_are_the_same(options: list[str], expected: str, tmp_path: Path) -> None:
    """Options of the command line, and what follows from them."""
    file = programs.write(
        tmp_path / "program.py",
        """
        import seen

        if __name__ == "__main__":
            with InterpreterPoolExecutor(1) as pool:
                there = pool.submit(seen.flags).result()
            print(there == seen.flags(), there)
        """,
    )
    printed = programs.output(*options, file, environment={"PYTHONWARNINGS": ""})
    assert printed.startswith("True ")
    assert expected in printed


def test_asserts_are_as_in_the_program(tmp_path: Path) -> None:
    """With -O they are gone, in functions that were sent, and in imported ones."""
    file = programs.write(
        tmp_path / "program.py",
        """
        def check():
            assert False, "checked"

        with InterpreterPoolExecutor(1) as pool:
            print(type(pool.submit(check).exception()).__name__)
        """,
    )
    assert programs.output("-O", file) == "NoneType\n"
    assert programs.output(file) == "AssertionError\n"


# -- random numbers ------------------------------------------------------------------------


@pytest.fixture
def pools() -> Iterator[list[InterpreterPoolExecutor]]:
    """Make two pools of one worker: two workers that can be told apart."""
    with InterpreterPoolExecutor(1) as one, InterpreterPoolExecutor(1) as other:
        yield [one, other]


def test_workers_have_different_random_numbers(pools: list[InterpreterPoolExecutor]) -> None:
    """A seed of the program changes nothing; each call goes on where the last one ended."""
    random.seed(1)
    numbers = [pool.submit(seen.number).result(TIME_LIMIT) for pool in pools * 2]
    assert len({*numbers, random.random()}) == 5


def test_a_generator_that_is_sent_is_a_copy(pools: list[InterpreterPoolExecutor]) -> None:
    """All workers have the same numbers of it: the trap, and the way to repeat a run."""
    generator = random.Random(5)
    numbers = {pool.submit(seen.number_of, generator).result(TIME_LIMIT) for pool in pools * 2}
    assert numbers == {random.Random(5).random()}


# -- others ----------------------------------------------------------------------------------


def test_print_writes_to_the_descriptor(tmp_path: Path) -> None:
    """An object that the program has put in the place of `sys.stdout` gets nothing."""
    file = programs.write(
        tmp_path / "program.py",
        """
        import io, seen, sys

        if __name__ == "__main__":
            sys.stdout = io.StringIO()
            with InterpreterPoolExecutor(1) as pool:
                pool.submit(seen.say, "from a worker").result()
            assert sys.stdout.getvalue() == ""
        """,
    )
    assert programs.output(file) == "from a worker\n"


def test_a_decimal_context_lives_on_in_its_worker(pools: list[InterpreterPoolExecutor]) -> None:
    """The context is that of the thread: the next call has it, a broadcast has its own."""
    pool, other = pools
    pool.submit(seen.set_precision, 9).result(TIME_LIMIT)
    assert pool.submit(seen.precision).result(TIME_LIMIT) == 9
    assert pool.broadcast(seen.precision)[0].result(TIME_LIMIT) == 28
    assert other.submit(seen.precision).result(TIME_LIMIT) == 28


def test_locals_of_threads_live_on_in_their_worker(pools: list[InterpreterPoolExecutor]) -> None:
    """One thread runs all calls of a worker, and another one what is broadcast."""
    pool, other = pools
    assert [pool.submit(seen.count_local).result(TIME_LIMIT) for _ in range(3)] == [1, 2, 3]
    assert pool.broadcast(seen.count_local)[0].result(TIME_LIMIT) == 1
    assert other.submit(seen.count_local).result(TIME_LIMIT) == 1


def test_limits_of_the_process_are_the_same(pool: InterpreterPoolExecutor) -> None:
    """The locale is, too."""
    assert pool.submit(seen.open_files).result(TIME_LIMIT) == seen.open_files()
    assert pool.submit(seen.numbers).result(TIME_LIMIT) == seen.numbers()


def test_an_entry_of_the_path_comes_with_the_next_call(
    pool: InterpreterPoolExecutor, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """One that was added after the worker had started."""
    assert str(tmp_path) not in pool.submit(seen.path).result(TIME_LIMIT)
    monkeypatch.syspath_prepend(tmp_path)
    assert pool.submit(seen.path).result(TIME_LIMIT)[0] == str(tmp_path)


def test_a_crash_in_a_worker_is_told_by_faulthandler(tmp_path: Path) -> None:
    """The program has enabled it: workers cannot import it."""
    file = programs.write(
        tmp_path / "program.py",
        """
        import ctypes, faulthandler

        def crash_here():
            ctypes.string_at(0)

        faulthandler.enable()
        with InterpreterPoolExecutor(1) as pool:
            pool.submit(crash_here).result()
        """,
    )
    done = programs.run(file)
    assert done.returncode < 0
    # At times 3.13 and 3.14 take the worker's thread for one that has ended.
    assert "in crash_here" in done.stderr or "<freed thread state>" in done.stderr


def test_modules_that_refuse_workers(pool: InterpreterPoolExecutor) -> None:
    """The document names them."""
    refused = pool.submit(seen.refused_modules).result(TIME_LIMIT)
    assert "json" not in refused
    assert {"faulthandler", "tracemalloc"} <= {*refused}


def test_the_environment_of_a_new_worker_is_that_of_now(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Another worker had started before it was changed, also by `os.putenv`."""
    with InterpreterPoolExecutor(2) as pool:
        pool.submit(int).result(TIME_LIMIT)
        monkeypatch.setenv("SEEN_BETWEEN", "between")
        os.putenv("SEEN_PUT", "put")
        with InterpreterPoolExecutor(1) as later:
            names = "SEEN_BETWEEN", "SEEN_PUT"
            found = [later.submit(seen.environment, name).result(TIME_LIMIT) for name in names]
        os.unsetenv("SEEN_PUT")
    assert found == ["between", "put"]
    assert os.environ.get("SEEN_PUT") is None
