"""Programs that were started with a standard stream closed."""

import _interpreters
import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import pytest

from interpexec._core import descriptors
from interpexec._core.cpython import Interpreter
from programs import ROOT, TIME_LIMIT, write
from test_layering import FILES, PACKAGE

REDIRECTIONS = ("<&-", ">&-", "2>&-")
CLOSED = [each for each in product((True, False), repeat=3) if any(each)]

PROGRAM = """
    import os
    import socket
    import sys
    from traceback import format_exception

    from interpexec import SharedBuffer, buffers, create_channel, sync
    from interpexec._core import waiting
    from interpexec.sharing import Handle, from_token, to_token

    def taken():
        found = []
        for number in range(3):
            try:
                os.fstat(number)
            except OSError:
                continue
            found.append(number)
        return found

    def move(fd, to):
        os.dup2(fd, to)
        os.close(fd)
        return to

    def use(*things):
        print("printed")
        sys.stderr and sys.stderr.write("written")
        streams = [each is None for each in (sys.stdin, sys.stdout, sys.stderr)]
        try:
            said = input() if sys.stdin is None else ""
        except RuntimeError as error:
            said = "lost sys.stdin"
        token = to_token(things[0])
        return streams, said, taken(), things[:4], create_channel(), from_token(token)

    if __name__ == "__main__":
        answer, (wakeup, memory) = os.open(sys.argv[1], os.O_WRONLY), sys.argv[2:]
        waiting.HAS_EVENTFD = wakeup == "eventfd" and waiting.HAS_EVENTFD
        buffers.HAS_MEMFD = memory == "memfd" and buffers.HAS_MEMFD
        buffers.HAS_SHM = memory == "shm"
        move(answer, 50)
        sys.excepthook = lambda *error: os.write(50, "".join(format_exception(*error)).encode())
        before = taken()
        ends = socket.socketpair()
        ends = [socket.socket(fileno=move(end.detach(), 60 + n)) for n, end in enumerate(ends)]
        assert taken() == before
        made = [SharedBuffer(10), Handle(50), ends[0], sync.Queue(), sync.Barrier(1)]
        made[-1].wait()
        made += [SharedBuffer.copy_of(b"a").toreadonly(), to_token([SharedBuffer(9)])]
        made += [from_token(to_token(SharedBuffer(5))), create_channel(), to_token(bytes(9000))]
        made[3].put(SharedBuffer(3))
        made += [made[3].get(), create_channel()[0].fileno()]
        assert taken() == before, (taken(), "things")
        with InterpreterPoolExecutor(2) as pool:
            for _ in range(3):
                streams, said, there, *more = pool.submit(use, *made).result()
                assert there == before, (there, "worker")
                assert said == ("" if 0 in before else "lost sys.stdin"), said
                assert streams == [number not in before for number in range(3)], streams
            assert taken() == before, (taken(), "main")
            list(pool.map(use, made, made, made, made))
            pool.broadcast(use, made[0])[0].result()
        assert taken() == before, (taken(), "end")
        os.write(50, b"fine")
"""


@pytest.mark.parametrize(
    ("kinds", "closed"),
    [*product(["eventfd memfd"], CLOSED), *product(["pipe shm", "pipe file"], CLOSED[:1])],
)
@pytest.mark.slow
def test_the_numbers_of_standard_streams_stay_free(
    kinds: str, closed: tuple[bool, ...], tmp_path: Path
) -> None:
    """No descriptor of the package has them; a stream that is None here is None in workers."""
    program, answer = write(tmp_path / "program.py", PROGRAM), tmp_path / "answer"
    answer.touch()
    words = [each for each, is_closed in zip(REDIRECTIONS, closed, strict=True) if is_closed]
    command = ["/bin/sh", "-c", f'exec "$0" "$@" {" ".join(words)}']
    done = subprocess.run(
        [*command, sys.executable, program, answer, *kinds.split()],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        timeout=TIME_LIMIT,
        check=False,
    )
    assert answer.read_text() == "fine", (done.stdout, done.stderr)
    assert done.returncode == 0


def test_an_interpreter_is_made_although_a_folder_has_the_number_of_a_stream(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The creation fails while somebody lists a folder, and is tried again."""
    create, failures = _interpreters.create, [_interpreters.InterpreterError("a folder")] * 2

    def create_later(*args: object, **kwargs: object) -> int:
        if failures:
            raise failures.pop()
        return create(*args, **kwargs)

    monkeypatch.setattr(_interpreters, "create", create_later)
    with pytest.raises(_interpreters.InterpreterError):
        Interpreter()  # all streams are there: that was something else
    monkeypatch.setattr(sys, "__stdin__", None)
    Interpreter().destroy()
    assert not failures


# -- one mechanism -----------------------------------------------------------------------

MAKERS = {
    *("dup", "eventfd", "memfd_create", "mkfifo", "openpty", "pipe", "pipe2"),
    *("shm_open", "socketpair"),
}
"""Calls that make descriptors that are kept. (Files that are read and closed are not.)"""

GUARDS = {"clear", "clear_all", "_above_streams"}
"""Functions that give a descriptor another number, if it is one of a standard stream's.

(The command line has one of its own, since it uses public names only.)"""


def _unguarded(tree: ast.AST) -> Iterator[str]:
    """Yield the makers of descriptors that are named outside of a call of a guard."""
    inside: set[ast.AST] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            called = {getattr(each, "id", "") for each in (node.func, *node.args)}
            inside.update(ast.walk(node) if called & GUARDS else ())
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr in MAKERS and node not in inside:
            yield f"{node.attr} in line {node.lineno}"


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_descriptors_are_made_in_one_way(path: Path) -> None:
    """Each call that makes a descriptor gives it to `clear`, or to `clear_all`, at once.

    A reading of `bench` has streams that are open, and puts one in the place of another.
    """
    if path.stem not in {"descriptors", "_reading"}:
        assert not list(_unguarded(ast.parse(path.read_text())))


def test_where_no_descriptor_is_to_be_had_none_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of several, those that had a number that is free to use are closed, too."""
    closed: list[int] = []

    def refuse(fd: int) -> int:
        raise OSError(24, "no descriptor")

    monkeypatch.setattr(os, "dup", refuse)
    monkeypatch.setattr(os, "close", closed.append)
    with pytest.raises(OSError, match="no descriptor"):
        descriptors.clear_all(9, 1, 8)
    assert sorted(closed) == [1, 8, 9]
