"""`interpexec map` as a whole: items in, results out, exit codes."""

import ast
import os
import subprocess
import sys
import sysconfig
import warnings
from pathlib import Path

import pytest

import interpexec
from command_line import ENVIRONMENT, LIMIT, Run, run_script
from interpexec.cli import main
from interpexec.cli._map_options import read_arguments

# -- what is done ------------------------------------------------------------


def test_an_expression_is_evaluated_for_each_line() -> None:
    """Each line is x, a str without its newline; each result is a line."""
    run = Run("map", "int(x) ** 2, x", given="1\n2\n3\n")
    assert run.out == ["(1, '1')", "(4, '2')", "(9, '3')"]
    assert (run.status, run.err) == (0, "")


def test_modules_are_imported_by_themselves() -> None:
    """Names that are modules need no import, submodules included."""
    what = 'xml.etree.ElementTree.fromstring(x).tag + os.path.basename("/a/b")'
    assert Run("map", what, ":::", "<root/>").out == ["rootb"]


def test_a_function_of_the_current_directory_is_found(tmp_path: Path) -> None:
    """The module of 'module:function' may stand where the command is run."""
    (tmp_path / "mine.py").write_text("class Box:\n    size = len\n")
    assert Run("map", "mine:Box.size", given="abc\n", cwd=tmp_path).out == ["3"]


def test_the_script_finds_modules_of_the_current_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """`interpexec map` looks there as `python -m interpexec map` does, workers too."""
    (tmp_path / "found_here.py").write_text("double = lambda x: x + x\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [entry for entry in sys.path if entry])
    monkeypatch.delitem(sys.modules, "found_here", raising=False)
    assert main(["map", "found_here.double(x)", ":::", "a"]) == 0
    assert capfd.readouterr().out == "aa\n"


def test_results_are_written_as_str() -> None:
    """None is no result, and a str of several lines is several lines."""
    assert Run("map", r"'a\nb' if x == '1' else None", ":::", "1", "2").out == ["a", "b"]


def test_output_of_a_task_is_on_stderr() -> None:
    """Each line that a task prints is marked with its item, and stdout has the results alone."""
    run = Run("map", r"print('a\nb'), sys.stdout.write('end'), x", ":::", "1", "long" * 20)
    assert len(run.out) == 2
    lines = run.err.splitlines()
    assert [line for line in lines if line.startswith("[1]")] == ["[1] a", "[1] b", "[1] end"]
    assert "[longlonglonglonglonglonglon...] b" in lines


def test_a_line_without_a_newline_ends_with_its_item() -> None:
    """The next item of the same worker begins a line of its own, also after a failure."""
    what = "sys.stdout.write(f'<{x}>') and int(x)"
    run = Run("map", "-j1", what, ":::", "1", "b", "3")
    printed = [line for line in run.err.splitlines() if line.startswith("[")]
    assert printed == ["[1] <1>", "[b] <b>", "[3] <3>"]


# -- where the items come from -------------------------------------------------


def test_the_last_line_needs_no_newline_and_empty_lines_count() -> None:
    """Newlines end items, and only they: no other kind of line break does."""
    run = Run("map", "ascii(x)", given="a\n\n b\x0b\u2028\tc\nlast")
    assert run.out == ["'a'", "''", r"' b\x0b\u2028\tc'", "'last'"]


def test_no_items_are_no_error() -> None:
    """Empty input, and ::: with nothing behind it, give nothing."""
    for run in Run("map", "x"), Run("map", "x", ":::"), Run("map", "-0", "x"):
        assert (run.status, run.bytes, run.err) == (0, b"", "")


def test_any_bytes_survive() -> None:
    """Bytes that are not UTF-8 come out as they went in."""
    given = bytes(set(range(256)) - {10}) + "\né€\n".encode() + b"\xc3\n"
    assert Run("map", "x", given=given).bytes == given


@pytest.mark.skipif(sys.platform != "linux", reason="needs file names of any bytes")
def test_a_file_name_of_any_bytes_works(tmp_path: Path) -> None:
    """The item names the file, also where its name is not valid UTF-8."""
    name = os.fsencode(tmp_path) + b"/\xff\xfe"
    Path(os.fsdecode(name)).write_bytes(b"12345")
    assert Run("map", "os.path.getsize(x)", given=name + b"\n").out == ["5"]
    assert Run("map", "os.path.getsize(x)", ":::", os.fsdecode(name)).out == ["5"]


def test_items_may_end_with_nul() -> None:
    """-0 takes what `find -print0` writes; newlines are then part of an item."""
    for option in "-0", "--null":
        assert Run("map", option, "ascii(x)", given=b"a\nb\0c\0").out == [r"'a\nb'", "'c'"]


@pytest.mark.slow
def test_items_may_come_from_a_file(tmp_path: Path) -> None:
    """-a names it, and '-' is standard input."""
    (tmp_path / "items").write_text("1\n2\n")
    for option in "-a", "--arg-file":
        assert Run("map", option, "items", "x * 2", given="9", cwd=tmp_path).out == ["11", "22"]
    assert Run("map", "x * 2", "-a", "-", given="9").out == ["99"]


def test_items_may_stand_on_the_command_line() -> None:
    """All that follows ::: is an item, whatever it looks like; stdin is not read."""
    run = Run("map", "ascii(x)", ":::", "-j", "a b", "--help", "two\nlines", given="9\n")
    assert run.out == ["'-j'", "'a b'", "'--help'", r"'two\nlines'"]


def test_a_file_that_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    """The error names the file, and nothing is done."""
    run = Run("map", "x", "-a", "absent", cwd=tmp_path)
    assert (run.status, run.bytes) == (2, b"")
    assert run.err.count("\n") == 1
    assert "absent" in run.err


# -- order, and the number of workers -------------------------------------------


def test_results_are_in_the_order_of_the_items() -> None:
    """The first result is the first item's, though the second one was done before."""
    gate = os.pipe()
    what = f"(os.read({gate[0]}, 1) if x == 'a' else os.write({gate[1]}, b'!')) and x"
    assert Run("map", "-j", "2", what, ":::", "a", "b", fds=gate).out == ["a", "b"]
    for fd in gate:
        os.close(fd)


@pytest.mark.parametrize("option", ["-u", "--unordered"])
def test_unordered_results_come_as_they_arrive(option: str) -> None:
    """The second item's result is there while the first one still waits."""
    gate = os.pipe()
    what = f"x == 'a' and os.read({gate[0]}, 1), x"
    command = [sys.executable, "-m", "interpexec", "map", "-j2", option, what, ":::", "a", "b"]
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        pass_fds=gate,
        env=ENVIRONMENT,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"(False, 'b')\n"
        os.write(gate[1], b"!")
        assert process.stdout.readline() == b"(b'!', 'a')\n"
        assert process.wait(LIMIT) == 0
    for fd in gate:
        os.close(fd)


def test_jobs_is_the_number_of_workers() -> None:
    """With -j N, N items run at the same time: here each waits for all others."""
    gate = os.pipe()
    # Every item adds a byte; the last one to come lets all go.
    what = f"(os.write({gate[1]}, b'...') if x == '2' else 0) or os.read({gate[0]}, 1)"
    run = Run("map", "-j", "3", what, ":::", "0", "1", "2", fds=gate)
    assert run.out == ["b'.'", "b'.'", "3"]
    for fd in gate:
        os.close(fd)


def test_by_default_there_is_a_worker_per_usable_cpu() -> None:
    """The CPUs that this process may use count, not all that are there."""
    assert read_arguments(["x"])[0].jobs == os.process_cpu_count()


@pytest.mark.parametrize("number", ["-1", "many", "1.5", "", "0%", "%"])
def test_a_wrong_number_of_workers_is_refused(
    number: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The message names what was given."""
    assert main(["map", f"--jobs={number}", "x", ":::", "1"]) == 2
    assert f"{number!r} is not a number of workers" in capsys.readouterr().err


# -- much, and real ------------------------------------------------------------


@pytest.mark.slow
def test_many_tiny_items_stay_complete_and_in_order() -> None:
    """200,000 items are sent in chunks of growing size."""
    given = "".join(f"{number}\n" for number in range(200_000))
    assert Run("map", "x", given=given).bytes == given.encode()


@pytest.mark.slow
def test_the_standard_library_counts_as_in_a_serial_run() -> None:
    """Every module's syntax tree has the same size; those that do not parse fail alone."""
    stdlib = Path(sysconfig.get_path("stdlib"))
    tests = stdlib.glob("test/tokenizedata/*.py")  # some of them are broken on purpose
    paths = sorted([*stdlib.glob("*.py"), *stdlib.glob("*/*.py"), *tests, stdlib / "absent.py"])
    paths = [path for path in paths if path.parts[-2] != "test"]  # would take 15 s
    given = b"".join(os.fsencode(path) + b"\n" for path in paths)
    what = "sum(1 for _ in ast.walk(ast.parse(open(x, 'rb').read())))"
    run = Run("map", what, given=given, python=("-W", "ignore"))
    expected = [size for size in map(tree_size, paths) if size is not None]
    assert list(map(int, run.out)) == expected
    failed = len(paths) - len(expected)
    assert failed > 0
    assert run.err.endswith(f"interpexec: {failed} of {len(paths)} items failed\n")
    assert run.status == 1


def tree_size(path: Path) -> int | None:
    """Return the number of nodes, None if the file cannot be parsed."""
    try:
        with warnings.catch_warnings(action="ignore"):
            return sum(1 for _ in ast.walk(ast.parse(path.read_bytes())))
    except (OSError, SyntaxError, ValueError):
        return None


# -- the command itself ----------------------------------------------------------


def test_help_shows_the_commands_and_examples() -> None:
    """Both helps go to stdout; that of `map` has examples."""
    top, of_map = Run("--help"), Run("map", "--help")
    assert (top.status, of_map.status, top.err, of_map.err) == (0, 0, "", "")
    assert "apply a function or an expression" in top.bytes.decode()
    assert "examples:" in of_map.out


def test_version_names_the_package_and_the_python() -> None:
    """One line, on stdout."""
    (line,) = Run("--version").out
    assert line.startswith(f"interpexec {interpexec.__version__} (CPython 3.")


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        ([], "COMMAND"),
        (["mop"], "'mop'"),
        (["map"], "TARGET"),
        (["map", "x", "a", "b"], "a b (items stand behind :::)"),
        (["map", "x", "-a", "f", ":::", "a"], "not both"),
        (["map", "x", ":::", "a", ":::", "b"], "only once"),
    ],
)
def test_wrong_usage_is_explained(
    argv: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 2, and a message on stderr alone."""
    assert main(argv) == 2
    shown = capsys.readouterr()
    assert said in shown.err
    assert shown.out == ""


def test_an_expression_may_begin_with_a_minus_sign() -> None:
    """Behind --, as the help says."""
    assert Run("map", "-j", "1", "--", "-int(x)", ":::", "1").out == ["-1"]


def test_main_can_be_called_in_process(capfd: pytest.CaptureFixture[str]) -> None:
    """`main` returns the exit code, and writes to the stdout of the moment."""
    assert main(["map", "len(x)", ":::", "ab", "c"]) == 0
    assert capfd.readouterr() == ("2\n1\n", "")


def test_each_interpreter_imports_only_what_it_needs() -> None:
    """A worker has no parser, and the main interpreter no asyncio."""
    loaded = "sorted({'argparse', 're', 'typing', 'asyncio'} & set(sys.modules))"
    assert Run("map", loaded, ":::", "1").out == ["[]"]
    main_run = Run("map", "x", ":::", "1", python=("-X", "importtime"))
    assert "asyncio" not in main_run.err
    assert "difflib" not in main_run.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ('map "found_here.double(x)" ::: a', b"aa\n"),
        ("doctor json", b"loads     json\n"),
        pytest.param(
            'bench "found_here.double(x)" ::: a', b"\ninterpexec  ", marks=pytest.mark.slow
        ),
    ],
    ids=["map", "doctor", "bench"],
)
def test_a_checkout_of_the_package_does_not_shadow_the_one_that_runs(
    arguments: str, said: bytes, tmp_path: Path
) -> None:
    """The script `interpexec`, in a folder that has a folder of this name, and a module."""
    script = tmp_path / "bin" / "interpexec"
    script.parent.mkdir()
    script.write_text("import sys\nfrom interpexec.cli import main\nsys.exit(main())\n")
    checkout = tmp_path / "checkout"
    (checkout / "interpexec").mkdir(parents=True)
    (checkout / "interpexec" / "__init__.py").write_text("1 / 0")
    (checkout / "found_here.py").write_text("double = lambda x: x + x\n")
    done = run_script(f'"$0" "{script}" {arguments}', checkout)
    assert said in done.stdout
    assert not done.stderr
