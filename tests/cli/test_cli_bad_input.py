"""`interpexec map` and input, or a disk, that is not as it should be: no work is lost."""

import json
from pathlib import Path

import pytest

from command_line import Run, run_script


@pytest.mark.parametrize("command", ["map", "bench"])
def test_a_target_is_needed(command: str) -> None:
    """The message says so; exit code 2."""
    run = Run(command)
    assert (run.status, run.bytes) == (2, b"")
    assert "the following arguments are required: TARGET" in run.err


def test_bad_json_in_line_7_costs_that_line() -> None:
    """The message tells its number."""
    given = "".join(f"{number}\n" if number != 7 else "{7\n" for number in range(1, 10))
    run = Run("map", "--jsonl", "x", given=given)
    assert run.out == [*"12345689"]
    assert run.err.startswith("interpexec: item 7 ('{7'): json.decoder.JSONDecodeError: ")
    assert (run.status, run.err.count("\n")) == (1, 2)


def test_a_byte_order_mark_is_dropped_and_a_carriage_return_stays() -> None:
    """As the kernel gives them; a NUL is a character as others."""
    run = Run("map", "ascii(x)", given=b"\xef\xbb\xbfa\r\nb\0c\r\n\xef\xbb\xbfd\n")
    assert run.out == [r"'a\r'", r"'b\x00c\r'", r"'\ufeffd'"]


@pytest.mark.parametrize("name", ["log", "log.tsv"])
def test_a_disk_that_fills_under_the_log_loses_no_result(name: str, tmp_path: Path) -> None:
    """The results before it are written, the records are whole lines, and a later run goes on."""
    items = [f"{number:050}" for number in range(2000)]
    (tmp_path / "items").write_text("\n".join(items))
    run = f'"$0" -m interpexec map -j2 --joblog {name} --resume -a items x'
    done = run_script(f"ulimit -f 64; {run}", tmp_path)
    assert done.stderr.startswith(f"interpexec: cannot write the log {name}: ".encode())
    assert (done.returncode, done.stderr.count(b"\n")) == (2, 1)
    first = done.stdout.decode().splitlines()
    assert first == items[: len(first)]
    logged = (tmp_path / name).read_text().splitlines()
    assert len(logged) - 1 <= len(first)  # the last record may have been cut off
    done = run_script(run, tmp_path)
    assert (done.returncode, done.stderr) == (0, b"")
    rest = done.stdout.decode().splitlines()
    assert rest == items[-len(rest) :]
    assert len(first) + len(rest) >= len(items)


def test_a_disk_that_fills_under_the_results_can_be_gone_on_from(tmp_path: Path) -> None:
    """The log tells of no item whose result is not there: each has exactly one in the end."""
    items = [f"{number:0500}" for number in range(500)]
    (tmp_path / "items").write_text("\n".join(items))
    run = '"$0" -m interpexec map -j2 --joblog log --resume -a items x >> out'
    done = run_script(f"ulimit -f 200; {run}", tmp_path)
    assert done.stderr.startswith(b"interpexec: cannot write the results: ")
    assert (done.returncode, done.stderr.count(b"\n")) == (2, 1)
    written = (tmp_path / "out").read_bytes()
    assert 0 < len(written) < 501 * 500
    for line in (tmp_path / "log").read_text().splitlines():
        assert json.loads(line)["end"] <= len(written)
    done = run_script(run, tmp_path)
    assert (done.returncode, done.stderr) == (0, b"")
    assert (tmp_path / "out").read_text().splitlines() == items
