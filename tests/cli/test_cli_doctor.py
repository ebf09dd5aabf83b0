"""`interpexec doctor`: what it finds of modules, however they behave."""

import json
import os
import select
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from command_line import ENVIRONMENT, LIMIT, Run, run_script
from interpexec.cli._children import Children
from interpexec.cli._faults import faults_of, own_faults
from interpexec.cli._probe import probe
from interpexec.cli.doctor import EXAMPLES, make_parser

REFUSAL = "module only_main does not support loading in subinterpreters"

MODULES = {
    "fine": "print('loading')",
    "refusing": f"raise ImportError({REFUSAL!r})",
    "falling_back": "try:\n    import readline\nexcept ImportError: pass",
    "failing": "1 / 0",
    "needing": "import absent_module_of_that_name",
    "ending": "import os; os._exit(3)",
    "crashing": "import os, signal; os.kill(os.getpid(), signal.SIGKILL)",
}

EXPECTED = {
    "fine": ("loads", ""),
    "refusing": ("refuses", REFUSAL),
    "falling_back": ("partly", "without readline: it may be slower, or lack something"),
    "failing": ("fails", "ZeroDivisionError: division by zero"),
    "needing": ("fails", "ModuleNotFoundError: No module named 'absent_module_of_that_name'"),
    "ending": ("crashes", "the process has ended with 3"),
    "crashing": ("crashes", "the process was ended by SIGKILL"),
    "absent": ("missing", "ModuleNotFoundError: No module named 'absent'"),
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Make a folder with modules of all kinds, and a script that imports some."""
    for name, text in MODULES.items():
        (tmp_path / f"{name}.py").write_text(text)
    (tmp_path / "script.py").write_text("import fine, json.decoder\nfrom failing import x\n1 / 0")
    return tmp_path


def test_each_module_has_its_result(folder: Path) -> None:
    """In their order; a crash is a result like others; the exit code tells."""
    run = Run("doctor", "--json", *EXPECTED, cwd=folder)
    assert (run.status, run.err) == (1, "")
    found = json.loads(run.bytes)
    assert found["python"].startswith("CPython 3.")
    results = {each["name"]: (each["status"], each["detail"]) for each in found["modules"]}
    assert results == EXPECTED
    assert list(results) == list(EXPECTED)
    assert [each["extension"] for each in found["modules"][:3]] == [None, "only_main", None]
    assert [each["refused"] for each in found["modules"][:3]] == [[], ["only_main"], ["readline"]]


def test_modules_that_load_are_told_in_lines(folder: Path) -> None:
    """Exit code 0 where all load."""
    run = Run("doctor", "fine", "json.decoder", cwd=folder)
    assert run.out[-2:] == ["loads     fine", "loads     json.decoder"]
    assert (run.status, run.err) == (0, "")


@pytest.mark.slow
def test_the_imports_of_a_script_are_tried(folder: Path) -> None:
    """The script itself is not run."""
    run = Run("doctor", "script.py", cwd=folder)
    lines = [line.split()[:2] for line in run.out[1:] if not line.startswith("fault ")]
    assert lines == [
        ["loads", "fine"],
        ["loads", "json.decoder"],
        ["fails", "failing"],
    ]


@pytest.mark.slow
def test_a_module_that_hangs_is_given_up(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After the limit."""
    (folder / "hanging.py").write_text("while True: pass")
    monkeypatch.syspath_prepend(folder)
    with Children() as children:
        assert probe("hanging", 3, children).status == "hangs"


@pytest.mark.parametrize(
    ("argument", "said"),
    [
        ("a b", "'a b' is neither the name of a module nor a script"),
        ("absent.py", "cannot read 'absent.py': "),
    ],
)
def test_wrong_arguments_are_told(argument: str, said: str, folder: Path) -> None:
    """One line, exit code 2."""
    run = Run("doctor", argument, cwd=folder)
    assert said in run.err
    assert (run.status, run.err.count("\n")) == (2, 1)


# -- faults of CPython ---------------------------------------------------------------------


@pytest.mark.fast
def test_each_version_has_its_faults() -> None:
    """Fewer from version to version; some are in all of them."""
    counts = [
        len(faults_of(version)) for version in ((3, 13, 0), (3, 14, 0), (3, 14, 1), (3, 15, 0))
    ]
    assert counts == sorted(set(counts), reverse=True)
    issues = {fault.issue for fault in faults_of((3, 15, 0))}
    assert "gh-139759" in issues
    assert "gh-126016" not in issues


def test_the_faults_of_this_python_are_told(folder: Path) -> None:
    """Each in a line, and as JSON."""
    run = Run("doctor", "fine", cwd=folder)
    told = [line for line in run.out if line.startswith("fault ")]
    assert len(told) == len(own_faults())
    assert "a fork beside an interpreter kills the child (" in run.bytes.decode()
    assert max(map(len, run.out)) <= 130
    found = json.loads(Run("doctor", "--json", "fine", cwd=folder).bytes)
    assert [each["what"] for each in found["faults"]] == [fault.what for fault in own_faults()]


@pytest.mark.fast
def test_the_help_of_doctor_fits_the_screen() -> None:
    """In width."""
    assert max(map(len, make_parser().format_help().splitlines())) <= 80


@pytest.mark.parametrize("example", EXAMPLES)
def test_the_examples_of_doctor_work(example: str, tmp_path: Path) -> None:
    """As they stand."""
    (tmp_path / "script.py").write_text("import json, decimal\n")
    done = run_script(f'interpexec() {{ "$0" -m interpexec "$@"; }}\n{example}\n', tmp_path)
    assert (done.returncode, done.stderr) == (0, b"")


def test_ctrl_c_ends_the_probes(tmp_path: Path) -> None:
    """A module that hangs is not waited for, and its process is gone."""
    os.mkfifo(tmp_path / "begun")
    begun = os.open(tmp_path / "begun", os.O_RDWR)
    (tmp_path / "hanging.py").write_text("open('begun', 'w').write('!')\nwhile True: pass")
    command = [sys.executable, "-m", "interpexec", "doctor", "hanging"]
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    process = subprocess.Popen(
        command, cwd=tmp_path, env=ENVIRONMENT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    signal.signal(signal.SIGINT, before)
    with process:
        try:
            assert select.select([begun], [], [], LIMIT)[0]
            process.send_signal(signal.SIGINT)
            assert process.wait(LIMIT / 2) == 130  # the probe itself would take LIMIT
            assert process.stderr is not None
            assert process.stderr.read() == b""  # nobody has it open any more
        finally:
            process.kill()
            os.close(begun)
