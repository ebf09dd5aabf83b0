"""Real input: every `.py` file of the running Python's standard library.

Counting the AST nodes of all of them takes half a minute serially, and most of
it is spent to know what to compare with. So a plain run counts those of one
file in eight; with INTERPEXEC_REAL_INPUT=all, as in CI on one version, it counts them all.
"""

import os
from collections.abc import Callable, Iterator

import pytest

import stdlib_files
from interpexec import ExecutionFailed, InterpreterPoolExecutor

FILES = stdlib_files.files()
PARSED = FILES if os.environ.get("INTERPEXEC_REAL_INPUT") == "all" else FILES[::8]

type Outcome = object
"""A result; or an exception's class and text."""


def _describe(error: BaseException) -> Outcome:
    return type(error), str(error)


def _serially(fn: Callable[[str], object], paths: list[str]) -> list[Outcome]:
    """Return the outcome of each file, computed here."""
    outcomes: list[Outcome] = []
    for path in paths:
        try:
            outcomes.append(fn(path))
        except Exception as error:  # an outcome, too
            outcomes.append(_describe(error))
    return outcomes


@pytest.fixture(scope="module")
def node_counts() -> list[Outcome]:
    """Count the nodes of each file here, with some that do not parse."""
    return _serially(stdlib_files.count_nodes, _parsed())


def _parsed() -> list[str]:
    """Return the files to parse; among them are some that cannot be parsed."""
    bad = [path for path in FILES if "bad" in os.path.basename(path)]  # a str
    return sorted({*PARSED, *bad})


@pytest.fixture
def pool() -> Iterator[InterpreterPoolExecutor]:
    """Make a pool of two workers."""
    with InterpreterPoolExecutor(2) as pool:
        yield pool


def test_there_is_a_standard_library() -> None:
    """The input is what it is meant to be: more than a thousand files."""
    assert len(FILES) > 500
    assert any(path.endswith("/os.py") for path in FILES)


@pytest.mark.parametrize(
    "sizes", [{}, {"chunksize": 16}, {"chunksize": 7, "buffersize": 64}, {"buffersize": 8}]
)
@pytest.mark.slow
def test_the_digest_of_every_file(pool: InterpreterPoolExecutor, sizes: dict[str, int]) -> None:
    """Mapped in parallel, in every way to map, the results are those of a serial run."""
    paths = [path for path in FILES if os.path.exists(path)]  # a str
    assert list(pool.map(stdlib_files.digest, paths, **sizes)) == _serially(
        stdlib_files.digest, paths
    )


def test_digests_without_order(pool: InterpreterPoolExecutor) -> None:
    """`imap_unordered` gives the same results, each once; missing files are its errors."""
    serial = _serially(stdlib_files.digest, FILES)
    results = pool.imap_unordered(stdlib_files.digest, FILES, chunksize=5, buffersize=50)
    parallel = list(_outcomes(results))
    assert sorted(map(str, parallel)) == sorted(map(str, serial))


def _outcomes(results: Iterator[object]) -> Iterator[Outcome]:
    """Go on after errors, until the iterator ends."""
    while True:
        try:
            yield next(results)
        except StopIteration:
            return
        except Exception as error:  # an outcome, too
            yield _describe(error)


@pytest.mark.slow
def test_the_nodes_of_the_files(pool: InterpreterPoolExecutor, node_counts: list[Outcome]) -> None:
    """One call a file: results are those of a serial run, errors are those of their files."""
    futures = [pool.submit(stdlib_files.count_nodes, path) for path in _parsed()]
    parallel: list[Outcome] = []
    for future in futures:
        error = future.exception()
        parallel.append(_describe(error) if error else future.result())
        assert error is None or type(error.__cause__) is ExecutionFailed
    assert parallel == node_counts


@pytest.mark.slow
def test_the_nodes_of_the_files_in_chunks(
    pool: InterpreterPoolExecutor, node_counts: list[Outcome]
) -> None:
    """A file that does not parse costs no other file of its chunk."""
    results = pool.imap_unordered(stdlib_files.count_nodes, _parsed(), chunksize=8, buffersize=64)
    assert sorted(map(str, _outcomes(results))) == sorted(map(str, node_counts))
    assert any(isinstance(count, tuple) for count in node_counts), "no file failed to parse"
