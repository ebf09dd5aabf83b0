"""`interpexec completion`: what the shells themselves offer, where they are installed."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from command_line import LIMIT, Run
from terminals import terminal

SHELLS = ("bash", "zsh", "fish")

# The text that is typed, the words that are offered then, and some that are not.
CASES = [
    ("interpexec ", ["map", "bench", "doctor", "completion"], ["--jobs"]),
    ("interpexec map --jo", ["--jobs", "--joblog"], ["--json"]),
    ("interpexec map -o ", ["text", "jsonl", "repr", "null"], ["afile"]),
    ("interpexec map --output j", ["jsonl"], ["json "]),
    ("interpexec map x -a ", ["afile"], ["--jobs"]),
    ("interpexec map --joblog af", ["afile"], []),
    ("interpexec map -j 2 'x' --resu", ["--resume", "--resume-failed"], []),
    ("interpexec map x ::: af", ["afile"], []),
    ("interpexec bench --s", ["--seconds", "--setup"], ["--joblog"]),
    ("interpexec doctor --j", ["--json"], ["--jobs"]),
    ("interpexec doctor af", ["afile"], []),
    ("interpexec completion ", ["bash", "zsh", "fish"], ["afile"]),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a folder with a file, and with the script for each shell."""
    made = tmp_path_factory.mktemp("completion")
    (made / "afile").touch()
    for shell in SHELLS:
        run = Run("completion", shell)
        assert (run.status, run.err) == (0, "")
        (made / f"script.{shell}").write_bytes(run.bytes)
    return made


def path_of(shell: str) -> str:
    """Return the path of a shell; skip the test where it is not installed."""
    path = shutil.which(shell)
    if path is None:
        pytest.skip(f"{shell} is not installed")
    return path


ENVIRONMENT = {"PATH": os.environ["PATH"], "TERM": "dumb", "PS1": "$ "}


def offered_by_bash(folder: Path, typed: str) -> str:
    """Return what bash lists, in a terminal: all alternatives, also where there is one."""
    command = path_of("bash"), "--norc", "--noprofile", "-i"
    setup = "bind 'set page-completions off'; . ./script.bash; PS1='rea''dy> '\n"
    with terminal(*command, cwd=folder, environment=ENVIRONMENT) as run:
        run.type(setup.encode())
        run.read_until(b"ready> ")
        run.type(typed.encode() + b"\x1b?")
        run.read_until(b"\r\n")
        return run.read_until(b"ready> ").decode()


def offered_by_zsh(folder: Path, typed: str) -> str:
    """Return what zsh lists, in a terminal."""
    command = path_of("zsh"), "-f", "-i"
    setup = "LISTMAX=1000; autoload -Uz compinit; compinit -u -D; . ./script.zsh; bindkey -e\n"
    with terminal(*command, cwd=folder, environment=ENVIRONMENT) as run:
        run.type(setup.encode() + b"PS1='rea''dy> '\n")
        run.read_until(b"ready> \x1b[?2004h")
        run.type(typed.encode() + b"\x04")
        run.read_until(b"\r\n")
        return run.read_until(b"ready> ").decode()


def offered_by_fish(folder: Path, typed: str) -> str:
    """Return what fish says that it offers."""
    script = "source script.fish; complete -C $argv[1]"
    command = [path_of("fish"), "--no-config", "-c", script, typed]
    done = subprocess.run(
        command,
        capture_output=True,
        cwd=folder,
        timeout=LIMIT,
        check=True,
        text=True,
        env=os.environ | {"HOME": str(folder)},
    )
    assert done.stderr == ""
    return done.stdout


OFFERED = {"bash": offered_by_bash, "zsh": offered_by_zsh, "fish": offered_by_fish}


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize(("typed", "offered", "others"), CASES)
def test_a_shell_completes(
    shell: str, typed: str, offered: list[str], others: list[str], folder: Path
) -> None:
    """Commands, options, their values, and files; behind ::: files alone."""
    words = re.split(r"[\s]+", OFFERED[shell](folder, typed).replace(typed, " "))
    assert set(offered) <= set(words)
    assert not set(others) & set(words)


@pytest.mark.parametrize("shell", SHELLS)
def test_a_shell_reads_its_script(shell: str, folder: Path) -> None:
    """Without a word on stderr."""
    command = [path_of(shell), "-n", str(folder / f"script.{shell}")]
    done = subprocess.run(command, capture_output=True, timeout=LIMIT, check=False)
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.parametrize("shell", ["", "tcsh"])
def test_another_shell_is_refused(shell: str) -> None:
    """Exit code 2; the message names those that there are."""
    run = Run("completion", *filter(None, [shell]))
    assert (run.status, run.bytes) == (2, b"")
    assert "bash" in run.err
