"""Failures of `interpexec map`: what it says, and its exit status."""

import os
import subprocess
import sys
from concurrent.futures import BrokenExecutor, ThreadPoolExecutor
from pathlib import Path

import pytest

from command_line import ENVIRONMENT, LIMIT
from interpexec.cli import main
from interpexec.cli._failures import SHOWN_ITEM, shorten_item, summarize


class Shown:
    """The exit status and the output of a run of `main` in this process."""

    def __init__(self, capture: pytest.CaptureFixture[str], *arguments: str) -> None:
        self.status = main(["map", *arguments])
        captured = capture.readouterr()
        self.out = captured.out.splitlines()
        self.err = captured.err.splitlines()


def start(*arguments: str, fds: tuple[int, ...] = ()) -> "subprocess.Popen[bytes]":
    """Start `interpexec map` with pipes at all ends."""
    return subprocess.Popen(
        [sys.executable, "-m", "interpexec", "map", *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        pass_fds=fds,
        env=ENVIRONMENT,
    )


# -- items that fail -------------------------------------------------------------


def test_an_item_that_fails_costs_no_other_one(capfd: pytest.CaptureFixture[str]) -> None:
    """A failed item has a line on stderr with its number and its repr, and none on stdout."""
    run = Shown(capfd, "int(x)", ":::", "1", "it's", "3")
    assert run.out == ["1", "3"]
    assert run.err == [
        'interpexec: item 2 ("it\'s"): ValueError: invalid literal for int() with base 10: "it\'s"',
        "interpexec: 1 of 3 items failed",
    ]
    assert run.status == 1


def test_failures_and_results_keep_their_order_in_one_file() -> None:
    """Results stand before the failure of a later item where both streams are one."""
    done = subprocess.run(
        [sys.executable, "-m", "interpexec", "map", "int(x)", ":::", "1", "a"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=LIMIT,
        env=ENVIRONMENT,
        check=False,
    )
    assert [line[:17] for line in done.stdout.splitlines()] == [
        b"1",
        b"interpexec: item ",
        b"interpexec: 1 of ",
    ]


def test_all_items_may_fail(capfd: pytest.CaptureFixture[str]) -> None:
    """Where all items fail there are only messages, in the items' order."""
    run = Shown(capfd, "1 / 0", ":::", *map(str, range(100)))
    assert run.out == []
    assert [line.split()[2] for line in run.err[:-1]] == [str(n + 1) for n in range(100)]
    assert run.err[-1] == "interpexec: 100 of 100 items failed"


@pytest.mark.parametrize(
    ("what", "said"),
    [
        ("sys.exit(3)", "SystemExit: 3"),
        ("(_ for _ in ()).throw(KeyboardInterrupt)", "KeyboardInterrupt"),
        ("(_ for _ in ()).throw(GeneratorExit('x'))", "GeneratorExit: x"),
        (r"'\ud800'", "UnicodeEncodeError: 'utf-8' codec can't encode character '\\ud800'"),
        ("json.loads(x)", "json.decoder.JSONDecodeError: Expecting value: line 1 column 1"),
        (r"(_ for _ in ()).throw(ValueError('a\nb\x1b'))", r"ValueError: a\nb\x1b"),
        ("ast.parse('(')", "SyntaxError: '(' was never closed (<unknown>, line 1)"),
        ("type('T', (), {'__str__': lambda s: 1 / 0})()", "ZeroDivisionError: "),
    ],
)
def test_any_exception_of_an_item_is_its_failure(
    what: str, said: str, capfd: pytest.CaptureFixture[str]
) -> None:
    """A BaseException counts, and an error of str() or of the encoding of the result."""
    run = Shown(capfd, what, ":::", "a")
    assert said in run.err[0]
    assert len(run.err) == 2
    assert (run.status, run.out) == (1, [])


def test_an_exception_whose_str_fails_is_still_told() -> None:
    """Its type stays."""

    class OddError(Exception):
        def __str__(self) -> str:
            raise ValueError

    assert summarize(OddError()).endswith("OddError: <its str() failed>")


def test_a_long_message_is_cut() -> None:
    """An exception may have a whole document in it."""
    assert len(summarize(ValueError("a" * 10**6))) < 1100


@pytest.mark.parametrize("letter", ["a", "\n", "\udcff", "'"])
def test_a_long_item_is_shown_by_its_ends(letter: str) -> None:
    """The repr is cut in the middle: the end of a path tells more than its middle."""
    shown = shorten_item("begin" + letter * 10_000 + "end")
    assert len(shown) == SHOWN_ITEM
    assert shown[1:6] == "begin"
    assert shown[-4:-1] == "end"
    assert shorten_item("a" * (SHOWN_ITEM - 2)) == repr("a" * (SHOWN_ITEM - 2))


def test_a_result_may_be_an_odd_str(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """An instance of a subclass of str is written as the text that it holds."""
    (tmp_path / "odd_str.py").write_text(
        "class Odd(str):\n"
        "    __slots__ = ()\n"
        "    __str__ = lambda self: self\n"
        "    __add__ = __format__ = encode = None\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    assert Shown(capfd, "odd_str:Odd", ":::", "a").out == ["a"]


def test_traceback_shows_where_it_happened(capfd: pytest.CaptureFixture[str]) -> None:
    """The worker's own frames are left out; the expression's and all below are there."""
    run = Shown(capfd, "--traceback", "json.loads(x)", ":::", "?")
    assert run.err[1:3] == [
        "Traceback (most recent call last):",
        '  File "<expression>", line 1, in <lambda>',
    ]
    assert any("raw_decode" in line for line in run.err)
    assert run.err[-1] == "interpexec: 1 of 1 items failed"


def test_a_module_that_only_workers_refuse_fails_each_item(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """As extensions do that do not support subinterpreters: the ImportError is told."""
    (tmp_path / "unshared.py").write_text(
        "import _interpreters\n"
        "if _interpreters.get_current() != _interpreters.get_main():\n"
        "    raise ImportError('not in a subinterpreter')\n"
        "f = len\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    for what in "unshared:f", "unshared.f(x)":
        run = Shown(capfd, "-j1", "--traceback", what, ":::", "a", "b")
        assert "item 1 ('a'): ImportError: not in a subinterpreter" in run.err[0]
        second = "interpexec: item 2 ('b'): ImportError: not in a subinterpreter ("
        assert any(line.startswith(second) for line in run.err)
        half = len(run.err) // 2
        assert run.err[1:half] == run.err[half + 1 : -1], "the same traceback for both"
        assert any("unshared.py" in line for line in run.err)
        assert (run.status, run.out) == (1, [])


# -- --fail-fast -------------------------------------------------------------------


# Workers take the filter over: one that is stopped in an import leaves a file to Python.
@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.parametrize("option", ["-x", "--fail-fast"])
def test_fail_fast_stops_at_the_first_failure(
    option: str, capfd: pytest.CaptureFixture[str]
) -> None:
    """Results before it are written, and nothing behind it."""
    run = Shown(capfd, option, "int(x)", ":::", "1", "2", "a", "4", "b")
    assert run.out == ["1", "2"]
    assert "item 3 ('a')" in run.err[0]
    assert run.err[1:] == ["interpexec: 1 of 3 items failed"]
    assert run.status == 1


def test_fail_fast_lets_earlier_items_finish() -> None:
    """The second item fails while the first is running: its result is still written."""
    gate, ready = os.pipe(), os.pipe()
    what = f"os.read({gate[0]}, 1) if x == 'a' else os.write({ready[1]}, b'!') / 0"
    with start("-x", "-j2", what, ":::", "a", "b", "c", fds=(gate[0], ready[1])) as process:
        assert os.read(ready[0], 1) == b"!"
        os.write(gate[1], b"?")
        out, err = process.communicate(timeout=LIMIT)
    assert out == b"b'?'\n"
    assert err.endswith(b"interpexec: 1 of 2 items failed\n")
    assert process.returncode == 1
    for fd in gate + ready:
        os.close(fd)


def test_fail_fast_waits_for_no_later_item() -> None:
    """The first item fails while the second one blocks for ever."""
    gate, ready = os.pipe(), os.pipe()
    what = (
        f"os.read({ready[0]}, 1) + int(x) if x == 'a' else"
        f" os.write({ready[1]}, b'!') and os.read({gate[0]}, 1)"
    )
    fds = (*ready, gate[0])
    with start("-x", "-j2", what, ":::", "a", "b", fds=fds) as process:
        _, err = process.communicate(timeout=LIMIT)
    assert b"item 1 ('a'): ValueError" in err
    assert process.returncode == 1
    for fd in gate + ready:
        os.close(fd)


def test_fail_fast_does_not_wait_for_more_input() -> None:
    """The run ends while standard input is still open."""
    with start("-x", "int(x)") as process:
        assert process.stdin is not None
        process.stdin.write(b"a\n")
        process.stdin.flush()
        assert process.wait(LIMIT) == 1
        assert process.stderr is not None
        assert process.stderr.read().endswith(b"interpexec: 1 of 1 items failed\n")


# -- what cannot be done at all ------------------------------------------------------


@pytest.mark.parametrize(
    ("what", "said"),
    [
        ("len(x", "the expression 'len(x' is not valid Python: '(' was never closed"),
        ("(yield x)", "'yield' outside function"),
        ("x = 1", "invalid syntax"),
        ("", "invalid syntax"),
        ("lenn(x)", "'lenn' is neither x, nor a builtin, nor a module; did you mean 'len'?"),
        ("[y for y in x] + z", "'z' is neither x, nor a builtin, nor a module"),
        ("jsn.loads(x)", "did you mean 'json'?"),
        ("json.laods(x)", "module 'json' has no attribute 'laods'; did you mean 'loads'?"),
        ("os.path.getsise(x)", "module 'os.path' has no attribute 'getsise'"),
        ("os.path.getsize", "is a function and not a call of it: write 'os.path.getsize(x)'"),
        ("len", "write 'len(x)'"),
        ("x.upper", "'x.upper' is a function and not a call of it: write 'x.upper()'"),
        ("(x.upper)", "is a function and not a call of it"),
        ("lambda y: y", "'lambda y: y' is a function: write only what it returns for x"),
        ("lambda:x", "is a function: write only what it returns for x"),
        ("jsn:loads", "no module named 'jsn'; did you mean 'json'?"),
        ("json.decode:x", "no module named 'json.decode'"),
        ("json:laods", "'json' has no attribute 'laods'; did you mean 'loads'?"),
        ("json:decoder.x", "'json.decoder' has no attribute 'x'"),
        ("os:sep", "'os:sep' cannot be called: it is of type str"),
        ("broken_here:f", "cannot import 'broken_here': ZeroDivisionError: division by zero"),
        ("broken_here.f(x)", "cannot import 'broken_here': ZeroDivisionError"),
        ("exits_here:f", "cannot import 'exits_here': SystemExit: 7"),
        ("needs_absent:f", "cannot import 'needs_absent': ModuleNotFoundError: No module"),
    ],
)
def test_wrong_options_are_told_before_anything_is_read(
    what: str,
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """One line on stderr, exit code 2; even the file of items is not opened."""
    (tmp_path / "broken_here.py").write_text("1 / 0")
    (tmp_path / "exits_here.py").write_text("raise SystemExit(7)")
    (tmp_path / "needs_absent.py").write_text("import absent_module_of_that_name")
    monkeypatch.syspath_prepend(tmp_path)
    run = Shown(capfd, "-a", "absent_file", what)
    assert said in run.err[0]
    assert (run.status, run.out, len(run.err)) == (2, [], 1)


def test_a_warning_about_the_expression_is_given_once() -> None:
    """As the compiler words it; the run goes on."""
    with start("x is 'a'", ":::", "a") as process:
        out, err = process.communicate(timeout=LIMIT)
    assert out in {b"True\n", b"False\n"}
    assert err.count(b"SyntaxWarning") == 1


def test_a_pool_that_breaks_is_told(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """One line, exit code 2, and the run ends."""

    class Feed:
        close = cancel = extend = lambda *_: None

        def is_ready(self) -> bool:
            return False

        def next_batch(self) -> object:
            raise BrokenExecutor("no worker is left")

    class BrokenPool(ThreadPoolExecutor):
        terminate_workers = ThreadPoolExecutor.shutdown

        def __init__(self, *_: object, **__: object) -> None:
            super().__init__(1)

        def feed(self, *_: object, **__: object) -> Feed:
            return Feed()

    monkeypatch.setattr("interpexec.InterpreterPoolExecutor", BrokenPool)
    run = Shown(capfd, "x", ":::", "a")
    assert run.err == ["interpexec: the workers broke down: no worker is left"]
    assert run.status == 2


def test_a_full_disk_is_told_once() -> None:
    """One line, exit code 2, and no complaint from the end of Python."""
    if not os.path.exists("/dev/full"):  # as plain as can be
        pytest.skip("needs /dev/full")
    with open("/dev/full", "wb") as full:  # likewise
        done = subprocess.run(
            [sys.executable, "-m", "interpexec", "map", "x", ":::", "1"],
            stdout=full,
            stderr=subprocess.PIPE,
            timeout=LIMIT,
            env=ENVIRONMENT,
            check=False,
        )
    assert done.stderr.startswith(b"interpexec: cannot write the results: ")
    assert done.stderr.count(b"\n") == 1
    assert done.returncode == 2


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["map", "x", ":::", "1"], b"cannot write the results: standard output is closed"),
        (["map", "print(x)", ":::", "1"], b"cannot write the results: "),
        (["--version"], b"standard output is closed"),
        (["--help"], b"standard output is closed"),
        (["map", "--help"], b"standard output is closed"),
    ],
)
def test_a_closed_stdout_is_told(arguments: list[str], said: bytes) -> None:
    """Nothing is computed that nobody can see: one line, exit code 2."""
    done = subprocess.run(
        ["/bin/sh", "-c", 'exec "$0" -m interpexec "$@" >&-', sys.executable, *arguments],
        stderr=subprocess.PIPE,
        timeout=LIMIT,
        env=ENVIRONMENT,
        check=False,
    )
    assert done.stderr.splitlines()[-1].startswith(b"interpexec: " + said)
    assert done.returncode == 2


@pytest.mark.parametrize("argument", ["--version", "--help"])
def test_a_full_disk_is_told_by_what_is_asked_for(argument: str) -> None:
    """One line, exit code 2."""
    if not os.path.exists("/dev/full"):  # as plain as can be
        pytest.skip("needs /dev/full")
    with open("/dev/full", "wb") as full:  # likewise
        done = subprocess.run(
            [sys.executable, "-m", "interpexec", argument],
            stdout=full,
            stderr=subprocess.PIPE,
            timeout=LIMIT,
            env=ENVIRONMENT,
            check=False,
        )
    assert done.stderr.startswith(b"interpexec: cannot write to standard output: ")
    assert done.stderr.count(b"\n") == 1
    assert done.returncode == 2
