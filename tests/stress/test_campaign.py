"""The commands under `stress/` do what they are for. Each is run for some seconds only."""

import json
import sys
from pathlib import Path

import pytest

from programs import TESTS, run

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="it needs pidfd and /proc"),
    pytest.mark.slow,
]


def campaign(command: str, *arguments: object) -> str:
    """Run a command; nothing may be wrong. Return its table."""
    done = run(TESTS / "stress" / f"{command}.py", *arguments, environment={"PYTHONWARNINGS": ""})
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""
    return done.stdout


@pytest.mark.parametrize("command", ["ends", "interrupts", "faults", "soak"])
def test_a_command_names_its_cases(command: str) -> None:
    """`--list` prints them, and `--help` says what can be asked for."""
    assert campaign(command, "--list")
    assert "--seed" in campaign(command, "--help")


@pytest.mark.parametrize("case", ["falls off / busy", "exit(3), global / map", "SIGTERM / idle"])
def test_ends(case: str) -> None:
    """A program that ends in an ordinary way is right; a limit for a busy machine."""
    assert "0 wrong" in campaign("ends", "--only", case, "--limit", 30)


def test_ends_of_the_control_group() -> None:
    """The rule for the ends of programs holds for those that use threads."""
    arguments = "--executor", "threads", "--only", "SIGINT / busy", "--limit", 30
    assert "0 wrong" in campaign("ends", *arguments)


def test_interrupts() -> None:
    """Each signal is seen once by a program that waits for an event."""
    table = campaign("interrupts", "--only", "Event / single", "--signals", 3)
    assert "signals: 3, interrupts seen: 3" in table


@pytest.mark.parametrize("case", ["argument / arrives worker / raise", "pipe EMFILE / calls"])
def test_faults(case: str) -> None:
    """An object that misbehaves, and a machine that refuses, are survived."""
    assert "0 wrong" in campaign("faults", "--only", case)


def test_soak(tmp_path: Path) -> None:
    """Nothing is lost, doubled or left; the verdict is written down."""
    only = "--only", "calls", "--only", "maps", "--only", "definitions"
    arguments = "--seconds", 1, "--every", 0.5, *only
    table = campaign("soak", *arguments, "--table", tmp_path / "table")
    assert "lost: 0, doubled: 0" in table
    lines = (tmp_path / "table.jsonl").read_text(encoding="utf-8").splitlines()
    assert {json.loads(line)["case"] for line in lines} >= {"calls", "maps"}
    assert (tmp_path / "table.md").read_text(encoding="utf-8").endswith(table[-20:])


def test_trouble_is_told(tmp_path: Path) -> None:
    """A failure is printed with all that is needed to see it again, and is the exit status."""
    done = run(
        TESTS / "stress" / "ends.py", "--only", "falls off / idle", "--limit", -10, "--seed", 7,
        cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 1
    assert "LATE: --only 'falls off / idle' --seed 7 --python" in done.stdout
    assert "**1 of 1**: late 1" in done.stdout
