"""`interpexec bench`: each way has its row, whatever becomes of it, and one is chosen."""

import json
import os
import select
import signal
import subprocess
import sys
from concurrent import futures
from pathlib import Path
from signal import SIGINT, SIGTERM
from typing import Any

import pytest

from command_line import ENVIRONMENT, LIMIT, Run, run_script
from interpexec.cli._errors import UsageError
from interpexec.cli._items import Source
from interpexec.cli._rounds import Result, read_some
from interpexec.cli._verdict import judge, seconds, table, warning
from interpexec.cli.bench import EXAMPLES, make_parser

HAS_STDLIB = hasattr(futures, "InterpreterPoolExecutor")
WAYS = ["loop", "threads", "processes", *["stdlib interpreters"] * HAS_STDLIB, "interpexec"]
CHOICES = (
    "Keep the loop",
    "Choose ThreadPool",
    "Choose Process",
    "Choose concurrent",
    "Choose interp",
)


def measured(*arguments: str, given: str = "", cwd: Path | None = None) -> dict[str, Any]:
    """Return what a short run says as JSON."""
    run = Run("bench", "--seconds=1", "--json", *arguments, given=given, cwd=cwd)
    assert (run.err, run.status) == ("", 0)
    found: dict[str, Any] = json.loads(run.bytes)
    return found


def ways_of(found: dict[str, Any]) -> dict[str, Any]:
    """Return the ways by their names."""
    return {each["name"]: each for each in found["ways"]}


# -- runs ---------------------------------------------------------------------------------


def test_each_way_is_measured() -> None:
    """Time, speed-up and memory of each, and one is chosen; a small sample is repeated."""
    found = measured("-j2", "math.factorial(int(x) + i) % 7", ":::", *"123")
    assert [each["name"] for each in found["ways"]] == WAYS
    for each in found["ways"]:
        assert each["run"] > 0
        assert each["failed"] == 0
        assert each["speedup_with_start"] <= each["speedup"]
    assert ways_of(found)["loop"]["speedup"] == 1
    assert (found["items"], found["of"], found["jobs"]) == (3, "3", 2)
    assert found["times"] > 1
    assert found["rounds"] >= 1
    assert found["choose"] in WAYS
    if sys.platform == "linux":
        assert ways_of(found)["interpexec"]["memory"] > 1e6


@pytest.mark.slow
def test_a_table_and_two_sentences_are_written() -> None:
    """Behind a line that tells what was measured."""
    run = Run("bench", "--seconds=1", "-j2", "x.upper()", given="a\nb\n")
    assert (run.err, run.status) == ("", 0)
    assert run.out[0].startswith("CPython 3.")
    assert "2 items of 2, each " in run.out[0]
    for name, line in zip(WAYS, run.out[3:], strict=False):
        assert line.startswith(name)
    assert run.out[3 + len(WAYS) :][1].startswith(CHOICES)


@pytest.mark.slow
def test_a_function_that_waits_is_for_threads() -> None:
    """Threads wait side by side, and are the cheapest."""
    found = measured("-j4", "time.sleep(0.05)", ":::", *map(str, range(4)))
    assert ways_of(found)["threads"]["speedup"] > 2
    assert found["choose"] == "threads"


@pytest.mark.slow
def test_items_are_made_as_for_map(tmp_path: Path) -> None:
    """Here: they name files that are read; keys are arguments."""
    (tmp_path / "a").write_text("content")
    what = "1 / (x == 'content')"
    assert ways_of(measured("--text", what, ":::", "a", cwd=tmp_path))["loop"]["failed"] == 0
    given = '{"numerator": 3}\n'
    found = measured("--jsonl", "--kwargs", "fractions:Fraction", given=given)
    assert {each["failed"] for each in found["ways"]} == {0}


@pytest.mark.slow
def test_endless_input_is_read_in_part() -> None:
    """The number of items that were read is told."""
    script = 'yes | "$0" -m interpexec bench --seconds=1 --json "len(x)"'
    done = run_script(script, Path.cwd())
    assert done.returncode == 0
    assert json.loads(done.stdout)["of"] == "the first 100,000"


@pytest.mark.slow
def test_input_that_stays_open_is_waited_for_no_longer_than_said() -> None:
    """Items that were there by then are the sample."""
    command = [sys.executable, "-m", "interpexec", "bench", "--seconds=1", "--json", "len(x)"]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=ENVIRONMENT
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(b"a\nb\n")
        process.stdin.flush()
        assert json.load(process.stdout)["items"] == 2
        assert process.wait(LIMIT) == 0
        process.stdin.close()


@pytest.mark.slow
def test_a_task_may_print() -> None:
    """The text goes nowhere, and the answer is whole."""
    setup = "import os, subprocess, sys\ndef say():\n    print(1)\n    os.write(1, b'2')\n"
    found = measured("--setup", setup, "say()", ":::", "a")
    assert ways_of(found)["interpexec"]["failed"] == 0


# -- what fails -----------------------------------------------------------------------------


@pytest.mark.slow
def test_a_way_that_cannot_run_the_items_is_told(tmp_path: Path) -> None:
    """An extension that refuses workers costs their ways, and a crash the one that it hits."""
    (tmp_path / "only_main.py").write_text(
        "import _interpreters, os, multiprocessing\n"
        "if _interpreters.get_current() != _interpreters.get_main():\n"
        "    raise ImportError('not in a subinterpreter')\n"
        "def f(x):\n"
        "    if multiprocessing.parent_process():\n"
        "        os._exit(3)\n"
    )
    found = measured("only_main:f", ":::", "a", cwd=tmp_path)
    ways = ways_of(found)
    assert found["choose"] in {"loop", "threads"}
    assert ways["processes"]["error"].startswith("concurrent.futures.process.BrokenProcessPool: ")
    assert ways["interpexec"]["failed"] > 0
    assert ways["interpexec"]["failure"] == "ImportError: not in a subinterpreter"


@pytest.mark.slow
def test_items_that_fail_everywhere_cost_no_way() -> None:
    """Failed items are counted."""
    found = measured("int(x)", ":::", "1", "a")
    assert {each["failed"] / found["times"] for each in found["ways"]} == {1}
    assert "ValueError" in ways_of(found)["threads"]["failure"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["1 / 0", ":::", "a"], "every item of the sample fails: ZeroDivisionError: division"),
        (["os._exit(7)", ":::", "a"], "the loop cannot be measured: the process has ended with 7"),
        (["x", ":::"], "there are no items to measure with"),
        (["x", "-a", "absent"], "cannot read the items: "),
        (["len", ":::", "a"], "write 'len(x)'"),
        (["--seconds=0", "x"], "'0' is not a number of seconds"),
        (["--filter", "x"], "unrecognized arguments: --filter"),
    ],
)
@pytest.mark.slow
def test_a_run_that_cannot_be_measured_is_told(arguments: list[str], said: str) -> None:
    """In a line, with exit code 2."""
    run = Run("bench", "--seconds=1", *arguments)
    assert said in run.err
    assert (run.bytes, run.status) == (b"", 2)


@pytest.mark.parametrize(("name", "status"), [("SIGINT", 130), ("SIGTERM", 143)])
@pytest.mark.slow
def test_a_signal_ends_a_run_with_all_that_it_has_started(
    name: str, status: int, tmp_path: Path
) -> None:
    """Exit code 128 and the signal's number, and the process that measures is gone."""
    os.mkfifo(tmp_path / "begun")
    begun = os.open(tmp_path / "begun", os.O_RDWR)
    what = f"[open({str(tmp_path / 'begun')!r}, 'w').write('!'), [0 for _ in iter(int, 1)]]"
    command = [sys.executable, "-m", "interpexec", "bench", what, ":::", "a"]
    before = [(each, signal.signal(each, signal.SIG_DFL)) for each in (SIGINT, SIGTERM)]
    process = subprocess.Popen(command, env=ENVIRONMENT, stderr=subprocess.PIPE)
    for number, handler in before:
        signal.signal(number, handler)
    with process:
        try:
            assert select.select([begun], [], [], LIMIT)[0]
            children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text()
            process.send_signal(getattr(signal, name))
            assert process.wait(LIMIT) == status
            assert process.stderr is not None
            assert process.stderr.read() == b""
        finally:
            process.kill()
            os.close(begun)
    (child,) = map(int, children.split())
    assert not Path(f"/proc/{child}").exists()


# -- the verdict ------------------------------------------------------------------------------


def results(**runs: float | str) -> list[Result]:
    """Make results of their times, in seconds, or of their errors; starts take 0.1 s."""
    made = []
    for name, run in runs.items():
        result = Result(name.replace("_", " "))
        if isinstance(run, str):
            result.error = run
        else:
            reading = {"start": 0.1 if name != "loop" else 0.0, "run": run, "memory": 5_000_000}
            result.readings = [reading | {"failed": 0, "failure": None, "idle": run / 100}]
        made.append(result)
    return made


@pytest.mark.fast
@pytest.mark.parametrize(
    ("runs", "chosen", "said"),
    [
        ({"loop": 1, "threads": 1, "interpexec": 0.5}, "interpexec", "2 times as fast as a loop"),
        ({"loop": 1, "threads": 0.5, "interpexec": 0.5}, "threads", "(interpexec 2)"),
        ({"loop": 1, "threads": 0.95, "interpexec": 0.92}, "loop", "nothing else is faster."),
        ({"loop": 1, "threads": "broken"}, "loop", "for nothing else runs these items"),
        ({"loop": 1, "processes": 0.5, "interpexec": 0.6}, "processes", "(interpexec 1.7)"),
        ({"loop": 1, "processes": 0.5, "interpexec": "refused"}, "processes", "as a loop."),
    ],
)
def test_a_way_is_chosen(runs: dict[str, float | str], chosen: str, said: str) -> None:
    """The cheapest of those that are about as fast as the fastest."""
    verdict = judge(results(**runs), 1000, 2)
    assert verdict.name == chosen
    assert said in verdict.choice
    assert verdict.reason.endswith(".")


@pytest.mark.fast
def test_of_ways_that_are_alike_the_cheapest_is_chosen() -> None:
    """By start and memory."""
    loop, dear, cheap = results(loop=1, processes=0.5, interpexec=0.52)
    dear.readings[0]["memory"] = 50_000_000
    verdict = judge([loop, dear, cheap], 1000, 2)
    assert verdict.name == "interpexec"
    assert "100 ms and 5 MB, which pays from some 208 items on" in verdict.reason


@pytest.mark.fast
def test_a_way_that_fails_more_items_is_not_chosen() -> None:
    """However fast it is; the table tells."""
    made = results(loop=1, interpexec=0.1)
    made[1].readings[0] |= {"failed": 3, "failure": "ValueError: x"}
    assert judge(made, 10, 2).name == "loop"
    lines = list(table(made))
    assert lines[-1].strip() == "3 items failed: ValueError: x"
    assert max(map(len, lines)) <= 80


@pytest.mark.fast
def test_a_busy_machine_is_told() -> None:
    """The loop itself has waited for a CPU."""
    (loop,) = results(loop=1)
    assert warning(loop) == ""
    loop.readings[0]["idle"] = 0.5
    assert "waited 50% of its time" in warning(loop)


@pytest.mark.fast
def test_times_have_their_unit() -> None:
    """Each has three digits at most."""
    shown = [seconds(each) for each in (12.345, 0.5, 2e-5, 3.21e-8)]
    assert shown == ["12.3 s", "500 ms", "20 µs", "32.1 ns"]


@pytest.mark.fast
def test_reading_that_fails_is_told() -> None:
    """Bad rows of CSV, for one."""

    def blocks() -> Any:
        yield ["a"]
        raise ValueError("row 3 is too long")

    with pytest.raises(UsageError, match="row 3 is too long"):
        read_some(Source(blocks(), may_block=False), 60)


# -- the help -----------------------------------------------------------------------------------


@pytest.mark.fast
def test_the_help_of_bench_fits_the_screen() -> None:
    """In width."""
    text = make_parser().format_help()
    assert max(map(len, text.splitlines())) <= 80
    assert all(example in text for example in EXAMPLES)


@pytest.mark.slow
@pytest.mark.parametrize("example", EXAMPLES)
def test_the_examples_of_bench_work(example: str, tmp_path: Path) -> None:
    """As they stand."""
    (tmp_path / "mymodule.py").write_text("def check(name):\n    return name.title()\n")
    (tmp_path / "names.txt").write_text("ada\ngrace\n")
    script = f'interpexec() {{ "$0" -m interpexec "$@"; }}\n{example}\n'
    done = run_script(script, tmp_path)
    assert (done.returncode, done.stderr) == (0, b"")
