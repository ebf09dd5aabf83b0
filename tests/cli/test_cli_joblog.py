"""`interpexec map --joblog`: what is logged, and how a later run goes on from it."""

import json
import os
import random
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from command_line import ENVIRONMENT, LIMIT, Run
from running import running
from tiers import few


def records(path: Path) -> list[dict[str, Any]]:
    """Return the records of a log."""
    return [json.loads(line) for line in path.read_text().splitlines()]


def into_file(out: Path, *arguments: str, given: str) -> "subprocess.CompletedProcess[bytes]":
    """Run `map` with its results at the end of a file."""
    with out.open("ab") as file:
        return subprocess.run(
            [sys.executable, "-m", "interpexec", "map", *arguments],
            input=given.encode(),
            stdout=file,
            stderr=subprocess.PIPE,
            timeout=LIMIT,
            env=ENVIRONMENT,
            cwd=out.parent,
            check=False,
        )


def test_each_item_has_a_record(tmp_path: Path) -> None:
    """A record has number, content, time, success, error, and the end of the results."""
    out, log = tmp_path / "out", tmp_path / "log"
    done = into_file(out, "--joblog", "log", "int(x) * 2", given="1\na\n30\n")
    assert done.returncode == 1
    begin, *items = records(log)
    status = out.stat()
    assert begin == {
        "interpexec": "map",
        "target": "int(x) * 2",
        "output": [status.st_dev, status.st_ino],
        "end": 0,
    }
    shown = [[each[key] for key in ("seq", "item", "exit", "end")] for each in items]
    assert shown == [[1, "1", 0, 2], [2, "a", 1, 2], [3, "30", 0, 5]]
    assert items[1]["error"].startswith("ValueError: invalid literal")
    assert all(each["seconds"] >= 0 and each["start"] > 1e9 for each in items)


def test_a_tsv_log_has_the_columns_of_gnu_parallel(tmp_path: Path) -> None:
    """One line for each item, behind their names."""
    Run("map", "--joblog", "log.tsv", "int(x)", ":::", "1", "a\tb", cwd=tmp_path)
    header, *lines = (tmp_path / "log.tsv").read_text().splitlines()
    names = "Seq Host Starttime JobRuntime Send Receive Exitval Signal Command"
    assert header.split("\t") == names.split()
    rows = [line.split("\t") for line in lines]
    assert [(row[0], *row[4:]) for row in rows] == [
        ("1", "0", "2", "0", "0", "1"),
        ("2", "0", "0", "1", "0", "a b"),
    ]


@pytest.mark.parametrize("log", ["log", "log.tsv"])
@pytest.mark.slow
def test_a_run_goes_on_where_another_one_has_ended(log: str, tmp_path: Path) -> None:
    """Logged items are left out; failed ones are done again if that is wanted; the log grows."""
    what = "int(x) if x != 'b' or os.path.exists('good') else 1 / 0"
    run = Run("map", "--joblog", log, "-x", what, ":::", "1", "b", "3", cwd=tmp_path)
    assert run.out == ["1"]
    (tmp_path / "good").touch()
    run = Run("map", "--joblog", log, "--resume", "i", ":::", "1", "b", "3", "4", cwd=tmp_path)
    if log == "log":
        assert run.err.startswith("interpexec: the log log belongs to another run: of ")
        assert (run.status, run.bytes) == (2, b"")
    run = Run("map", "--joblog", log, "--resume", what, ":::", "1", "b", "3", "4", cwd=tmp_path)
    assert run.out == ([] if log == "log.tsv" else ["3", "4"])
    run = Run("map", "--joblog", log, "--resume-failed", what, ":::", *"1b34", cwd=tmp_path)
    assert run.err.startswith("interpexec: item 2 ('b'): ValueError: ")
    assert run.out == []


def test_a_new_run_begins_a_new_log(tmp_path: Path) -> None:
    """Without --resume, an old log is replaced."""
    for item in "a", "b":
        Run("map", "--joblog", "log", "x", ":::", item, cwd=tmp_path)
    assert [each.get("item") for each in records(tmp_path / "log")] == [None, "b"]


def test_resume_without_a_log_begins_one(tmp_path: Path) -> None:
    """The same command may be repeated until all is done."""
    for out in ["a"], []:
        assert Run("map", "--joblog", "log", "--resume", "x", ":::", "a", cwd=tmp_path).out == out


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("hello\n", "line 1 of the log log is no record of `interpexec map`"),
        ('{"a": 1}\n', "line 1 of the log log is no record"),
        ('{"seq": 1, "item": "b", "exit": 0, "end": 0}\n', "item 1 is 'a', and in the log log it"),
    ],
)
def test_a_log_of_something_else_is_refused(content: str, said: str, tmp_path: Path) -> None:
    """One line, exit code 2, and the log is left as it was."""
    (tmp_path / "log").write_text(content)
    run = Run("map", "--joblog", "log", "--resume", "x", ":::", "a", cwd=tmp_path)
    assert said in run.err
    assert (run.status, run.bytes, run.err.count("\n")) == (2, b"", 1)
    assert (tmp_path / "log").read_text().startswith(content)


def test_a_log_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    """Before anything is done, or when the disk is full; results are not lost."""
    run = Run("map", "--joblog", "absent/log", "x", ":::", "a", cwd=tmp_path)
    assert run.err.startswith("interpexec: cannot write the log: ")
    assert (run.status, run.bytes) == (2, b"")
    if os.path.exists("/dev/full"):  # as plain as can be
        run = Run("map", "--joblog", "/dev/full", "x", ":::", "a")
        assert run.err.startswith("interpexec: cannot write the log /dev/full: ")
        assert (run.status, run.err.count("\n")) == (2, 1)


def test_ctrl_c_leaves_a_log_to_go_on_from(tmp_path: Path) -> None:
    """Finished items are in the log, and the others are done by the next run."""
    log, what = str(tmp_path / "log"), "x if x < '3' else [0 for _ in iter(int, 1)]"
    with running("-j1", "--joblog", log, what, ":::", *"1234") as run:
        assert run.stdout is not None
        assert run.stdout.readline() == b"1\n"
        assert run.stdout.readline() == b"2\n"
        run.send_signal(signal.SIGINT)
        assert run.wait(LIMIT) == 130
    done = {each["seq"] for each in records(Path(log)) if "seq" in each}
    assert done == {1, 2}


@pytest.mark.parametrize("seed", few(range(3)))
@pytest.mark.parametrize("options", few([(), ("-u",)]))
@pytest.mark.slow
def test_a_run_that_is_killed_at_any_moment_goes_on(
    options: tuple[str, ...], seed: int, tmp_path: Path
) -> None:
    """After some kills, each item has exactly one result."""
    dice = random.Random(seed)
    items = [str(number) for number in range(30_000)]
    (tmp_path / "items").write_text("\n".join(items))
    out, log = tmp_path / "out", tmp_path / "log"
    command = [sys.executable, "-m", "interpexec", "map", "--joblog", str(log), "--resume"]
    command += [*options, "-a", str(tmp_path / "items"), "x + '!' * (int(x) % 7)"]
    kills = 0
    while True:
        with out.open("ab") as file:
            process = subprocess.Popen(command, stdout=file, env=ENVIRONMENT)
        try:
            before = out.stat().st_size
            if kills == 4:
                assert process.wait(LIMIT) == 0
                break
            # Some results are there: it is killed in the middle.
            while out.stat().st_size <= before + dice.randrange(20_000) and process.poll() is None:
                pass
            kills += 1
        finally:
            process.kill()
            process.wait()
    lines = out.read_text().splitlines()
    expected = [x + "!" * (int(x) % 7) for x in items]
    assert (sorted(lines) == sorted(expected)) if options else (lines == expected)
