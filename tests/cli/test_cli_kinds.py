"""`interpexec map`: the kinds of targets, items and results."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from command_line import ENVIRONMENT, LIMIT, Run


def done(*arguments: str, given: str | bytes = b"", cwd: Path | None = None) -> list[str]:
    """Run `map`, which must go well; return the lines of stdout."""
    run = Run("map", *arguments, given=given, cwd=cwd)
    assert (run.status, run.err) == (0, "")
    return run.out


# -- targets -----------------------------------------------------------------------


def test_a_function_of_a_file(tmp_path: Path) -> None:
    """The file need not be importable, and is run once in each worker."""
    (tmp_path / "my-tools.py").write_text(
        "class Tools:\n    double = staticmethod(lambda x: x * 2)"
    )
    for path in "my-tools.py", str(tmp_path / "my-tools.py"):
        assert done(f"{path}:Tools.double", ":::", "a", cwd=tmp_path) == ["aa"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no file 'tools.py'"),
        ("1 / 0", "cannot run 'tools.py': ZeroDivisionError: division by zero"),
        ("f = 1", "'tools.py:f' cannot be called: it is of type int"),
        ("ff = 1", "'tools.py' has no attribute 'f'; did you mean 'ff'?"),
    ],
)
def test_a_file_that_is_no_use(text: str, said: str, tmp_path: Path) -> None:
    """One line, and nothing is done."""
    if text:
        (tmp_path / "tools.py").write_text(text)
    run = Run("map", "tools.py:f", ":::", "a", cwd=tmp_path)
    assert (run.status, run.bytes) == (2, b"")
    assert run.err.startswith(f"interpexec: {said}")
    assert run.err.count("\n") == 1


@pytest.mark.slow
def test_i_is_the_number_of_the_item() -> None:
    """From 0, over all blocks of the input; an `i` of the expression's own is no number."""
    given = "".join(f"{number}\n" for number in range(100_000))
    assert done("i - int(x) or None", given=given) == []
    assert done("i, x", ":::", "a", "b:c") == ["(0, 'a')", "(1, 'b:c')"]
    assert done("[i for i in x]", ":::", "ab") == ["['a', 'b']"]


def test_setup_is_run_once_in_each_worker() -> None:
    """The names that it binds are seen by the expression."""
    setup = "import os\ncount = []\ndef number(): count.append(1); return len(count)"
    assert done("-j1", "--setup", setup, "number(), os.sep", ":::", "a", "b") == [
        "(1, '/')",
        "(2, '/')",
    ]


def test_init_is_called_once_in_each_worker(tmp_path: Path) -> None:
    """Before the first item, with an expression or a function."""
    text = "calls = []\ndef begin(): calls.append('begun')\ndef see(x): return calls, x"
    (tmp_path / "mine.py").write_text(text)
    for target in "mine:see", "mine.see(x)":
        run = done("-j1", "--init", "mine:begin", target, ":::", "a", "b", cwd=tmp_path)
        assert run == ["(['begun'], 'a')", "(['begun'], 'b')"]


def test_a_setup_that_fails_fails_each_item() -> None:
    """Its error is theirs."""
    run = Run("map", "--setup", "1 / 0", "x", ":::", "a", "b")
    assert run.status == 1
    assert run.err.count("ZeroDivisionError: division by zero") == 2


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--setup", "def", "x"], "--setup 'def' is not valid Python"),
        (["--init", "len(x)", "x"], "--init: 'len(x)' is not 'module:function'"),
        (["--init", "jsn:f", "x"], "no module named 'jsn'"),
        (["--reduce", "a +", "x"], "the expression 'a +' is not valid Python"),
        (["--reduce", "lambda a, b: a", "x"], "is a function"),
        (["--reduce", "summ", "x"], "'summ' is neither"),
        (["--jsonl", "--csv", "x"], "--jsonl and --csv do not go together"),
        (["--keep", "--filter", "x"], "--keep and --filter do not go together"),
        (["--kwargs", "x"], "--kwargs needs --jsonl or --csv"),
        (["--resume", "x"], "--resume needs --joblog"),
        (["-d", "", "x"], "--delimiter is empty"),
        (["-o", "xml", "x"], "invalid choice"),
        (["-n", "0", "x"], "'0' is not a number (1 or more)"),
        (["--timeout", "0", "x"], "'0' is not a number of seconds"),
        (["--timeout", "nan", "x"], "'nan' is not a number of seconds"),
        (["--retries=-1", "x"], "'-1' is not a number (0 or more)"),
        (["--halt", "later", "x"], "--halt 'later': write never, soon or now"),
        (["--halt", "now,fail=0", "x"], "--halt 'now,fail=0'"),
        (["--halt", "never,fail=1", "x"], "--halt 'never,fail=1'"),
        (["--halt", "soon,fail=101%", "x"], "--halt 'soon,fail=101%'"),
        (["--chunksize", "many", "x"], "'many' is not a number"),
        (["--kwargs", "--jsonl", "x"], "--kwargs needs a function"),
    ],
)
def test_wrong_options_are_explained(arguments: list[str], said: str) -> None:
    """Exit code 2, nothing on stdout, no item read."""
    run = Run("map", *arguments, ":::", "1")
    assert said in run.err
    assert (run.status, run.bytes) == (2, b"")


# -- items -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "given"),
    [(",", "a,b,,c"), ("\\t", "a\tb\t\tc\t"), ("<>", "a<>b<><>c"), ("é", "aébééc")],
)
def test_items_may_end_with_anything(text: str, given: str) -> None:
    """Newlines are then part of an item; a tab may be written as a backslash and t."""
    assert done("-d", text, "ascii(x)", given=given) == ["'a'", "'b'", "''", "'c'"]


def test_items_may_be_json() -> None:
    """Each line is a value, empty lines are none; results are JSON, too."""
    given = '{"a": [1, "é"]}\n\n3\r\nnull\n"\\ud83d\\ude00"\n'
    assert done("--jsonl", "x", given=given) == ['{"a": [1, "é"]}', "3", '"😀"']
    assert done("--jsonl", "-o", "text", "type(x).__name__", given=given)[2] == "NoneType"


def test_bad_json_fails_its_line_alone() -> None:
    """The message names the number of the item and its content."""
    run = Run("map", "--jsonl", "x", given='1\n{"a\n3\n')
    assert run.out == ["1", "3"]
    assert run.err.startswith(
        "interpexec: item 2 ('{\"a'): json.decoder.JSONDecodeError: Unterminat"
    )
    assert run.status == 1


def test_the_keys_of_json_objects_may_be_arguments() -> None:
    """Keys that do not fit the parameters of the function fail the item."""
    run = Run(
        "map",
        "--jsonl",
        "--kwargs",
        "fractions:Fraction",
        "-o",
        "text",
        given='{"numerator": 3}\n{"a": 1}',
    )
    assert run.out == ["3"]
    assert "unexpected keyword argument 'a'" in run.err


def test_items_may_be_rows_of_csv() -> None:
    """Dicts, named by the first row; quoted fields may have commas and newlines."""
    given = 'name,age\r\n"A, B",3\r\n"two\nlines"\r\n\r\nC,"4"\r\n'
    rows = done("--csv", "--repr", "x", given=given)
    assert rows == [
        "{'name': 'A, B', 'age': '3'}",
        "{'name': 'two\\nlines', 'age': None}",
        "{'name': 'C', 'age': '4'}",
    ]
    run = Run("map", "--csv", "x['a']", given="a\n1\n2,3\n")
    assert (
        run.err == "interpexec: cannot read the items: row 3 has 2 fields, and there are 1 names\n"
    )
    assert run.status == 2


@pytest.mark.slow
def test_items_may_name_files(tmp_path: Path) -> None:
    """Their text, their bytes, or the open file; one that is gone fails its item."""
    (tmp_path / "a").write_bytes("é\r\n".encode())
    assert done("--text", "ascii(x)", ":::", "a", cwd=tmp_path) == [r"'\xe9\n'"]
    assert done("--bytes", "x", ":::", "a", cwd=tmp_path) == [str("é\r\n".encode())]
    assert done("--files", "x.read(1), x.name", ":::", "a", cwd=tmp_path) == [r"(b'\xc3', 'a')"]
    run = Run("map", "--text", "len(x)", ":::", "a", "gone", cwd=tmp_path)
    assert (run.out, run.status) == (["2"], 1)
    assert "item 2 ('gone'): FileNotFoundError" in run.err


@pytest.mark.slow
def test_items_may_come_in_batches() -> None:
    """The callable gets a list, the last one may be shorter; of JSON values, too."""
    assert done("-n", "2", "x", ":::", "a", "b\n", "\udcff") == ["['a', 'b\\n']", "['\\udcff']"]
    assert done("--batch=3", "--jsonl", "sum(x)", given="1\n2\n3\n4\n") == ["6", "4"]


def test_many_files_are_one_input(tmp_path: Path) -> None:
    """In their order; '-' is standard input; a byte order mark is no part of an item."""
    (tmp_path / "a").write_bytes(b"\xef\xbb\xbf1\n2")
    (tmp_path / "b").write_bytes(b"4\n")
    assert done("-a", "a", "-a", "-", "-a", "b", "ascii(x)", given="3", cwd=tmp_path) == [
        "'1'",
        "'2'",
        "'3'",
        "'4'",
    ]


def test_a_very_long_line_is_one_item() -> None:
    """100 MB, and NUL bytes in it."""
    assert done("len(x), x.count('\\0')", given=b"\0" * 10**8) == ["(100000000, 100000000)"]


# -- results -----------------------------------------------------------------------


@pytest.mark.slow
def test_kinds_of_results() -> None:
    """JSON, repr, and text that ends with NUL."""
    assert done("-o", "jsonl", "[x, None]", ":::", "é") == ['["é", null]']
    assert done("--repr", "x", ":::", "a\n") == [r"'a\n'"]
    assert Run("map", "-o", "null", "x", ":::", "a\nb", "c").bytes == b"a\nb\0c\0"
    run = Run("map", "-o", "jsonl", "{1}", ":::", "a")
    assert "TypeError: Object of type set is not JSON serializable" in run.err


@pytest.mark.slow
def test_results_beside_their_items() -> None:
    """--keep writes both once, --tag puts the item before each line."""
    assert done("--keep", "len(x)", ":::", "a", "bc") == ["a\t1", "bc\t2"]
    assert done("--tag", "'1\\n2'", ":::", "a") == ["a\t1", "a\t2"]
    (line,) = done("--jsonl", "--keep", "x + 1", given="1")
    assert json.loads(line) == {"item": 1, "result": 2}
    (line,) = done("-o", "jsonl", "--keep", "len(x)", given="a")
    assert json.loads(line) == {"item": "a", "result": 1}


@pytest.mark.slow
def test_filter_keeps_items() -> None:
    """As they were read."""
    assert done("--filter", "int(x) % 2", ":::", "1", "2", "03") == ["1", "03"]
    assert done("--filter", "--jsonl", "x['a']", given='{"a":1}\n{"a": 0}') == ['{"a":1}']


@pytest.mark.parametrize(
    ("reduction", "result"),
    [
        ("sum", "10"),
        ("min", "1"),
        ("max", "4"),
        ("count", "4"),
        ("a * b", "24"),
        ("math.gcd(a, b)", "1"),
    ],
)
@pytest.mark.slow
def test_results_may_become_one(reduction: str, result: str) -> None:
    """None does not count; of no result comes nothing."""
    assert done("--reduce", reduction, "int(x) or None", ":::", *"01234") == [result]
    assert done("--reduce", reduction, "None", ":::", "a") == (
        ["0"] if reduction == "count" else []
    )


def test_a_reduction_that_fails_is_told() -> None:
    """One line, exit code 2."""
    run = Run("map", "--reduce", "a + b", "x if x == 'a' else 1", ":::", "a", "b")
    assert run.err.startswith("interpexec: --reduce 'a + b': TypeError: ")
    assert (run.status, run.err.count("\n")) == (2, 1)


# -- what would be done --------------------------------------------------------------


def test_dry_run_makes_no_call() -> None:
    """The target and each item are printed."""
    assert done("--dry-run", "1 / 0", ":::", "a", "b") == ["1 / 0\ta", "1 / 0\tb"]


@pytest.mark.parametrize(
    ("arguments", "given"),
    [
        (["int(x) ** 2", "--timeout", "9"], "1\n2\n"),
        (["-n2", "x"], "a\nb\nc\n"),
        (["--jsonl", "{'n': x['n'], 'i': i}"], '{"n": 1}\n{"n": 2}\n'),
        (["--csv", "x['a']", "--keep", "-a", "-"], "a\n1\n"),
        (["--filter", "len(x) > 1"], "a\nbb\n"),
        (["--reduce", "sum", "len(x)", "--setup", "import math\nn = 1"], "a\nbb\n"),
        (["--reduce", "a + b", "len(x)"], "a\nbb\n"),
        (["-0", "--repr", "os.path:basename"], "/a/b\0c\0"),
        (["-d", ",", "-o", "null", "x"], "a,b"),
    ],
)
@pytest.mark.slow
def test_the_explained_program_does_the_same(
    arguments: list[str], given: str, tmp_path: Path
) -> None:
    """The explanation is a whole program on the public API."""
    program = tmp_path / "program.py"
    program.write_bytes(Run("map", "--explain", *arguments).bytes)
    explained = subprocess.run(
        [sys.executable, str(program)],
        input=given.encode(),
        capture_output=True,
        timeout=LIMIT,
        env=ENVIRONMENT,
        check=True,
    ).stdout
    expected = Run("map", *arguments, given=given).bytes
    if "--keep" in arguments:
        expected, explained = expected.partition(b"\t")[2], explained.partition(b"\t")[2]
    assert explained == expected
    assert expected
