"""The joblib backend: the real joblib, with its batches in interpreters."""

import gc
import os
import signal
import sys
import threading
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import pytest

import interpexec.joblib
import stoppable
import tasks
from gates import TIME_LIMIT, gate
from interpexec import InterpreterPoolExecutor
from programs import run, write
from stops import Pipe, finish, start

joblib = pytest.importorskip("joblib")

from joblib import Parallel, delayed, parallel_config  # noqa: E402  # it may not be there
from joblib.parallel import DEFAULT_BACKEND  # noqa: E402  # joblib may not be there

import joblib_tasks  # noqa: E402  # joblib may not be there
from interpexec._ports.joblib_backend import InterpreterBackend  # noqa: E402  # joblib may not be there

pytestmark = pytest.mark.fast

interpexec.joblib.register()


@pytest.fixture
def two() -> Iterator[None]:
    """Have joblib use two interpreters."""
    with parallel_config("interpexec", n_jobs=2):
        yield
    gc.collect()  # an exception that was caught refers to a `Parallel`


@pytest.mark.usefixtures("two")
def test_results_come_in_order() -> None:
    """From other interpreters, whatever the function is."""
    assert Parallel()(delayed(abs)(-n) for n in range(300)) == list(range(300))
    assert Parallel()(delayed(lambda n, *, by: n * by)(n, by=2) for n in range(3)) == [0, 2, 4]
    assert Parallel()(()) == []
    where = Parallel(batch_size=1)(delayed(tasks.interpreter)() for _ in range(20))
    assert tasks.interpreter() not in where
    assert 1 <= len(set(where)) <= 2


def test_a_backend_can_be_named_in_the_call() -> None:
    """Its workers end with the `Parallel` object."""
    parallel = Parallel(n_jobs=2, backend="interpexec")
    for _ in range(2):
        assert parallel(delayed(abs)(-n) for n in range(3)) == [0, 1, 2]
    assert parallel._backend._pool.workers()
    del parallel


def test_a_managed_parallel_is_used_more_than_once() -> None:
    """An error ends no more than its own call."""
    with Parallel(n_jobs=2, backend="interpexec") as parallel:
        assert parallel(delayed(abs)(-n) for n in range(3)) == [0, 1, 2]
        with pytest.raises(ZeroDivisionError):
            parallel(delayed(tasks.divide)(1, n) for n in range(3))
        assert parallel(delayed(abs)(-n) for n in range(3)) == [0, 1, 2]
    gc.collect()


@pytest.mark.usefixtures("two")
def test_short_calls_are_sent_in_batches() -> None:
    """By joblib's own measure."""
    sizes: list[int] = []
    submit = InterpreterBackend.submit

    def count(self: object, func: list[object], callback: object = None) -> object:
        sizes.append(len(func))
        return submit(self, func, callback)

    with mock.patch.object(InterpreterBackend, "submit", count):
        Parallel(batch_size="auto")(delayed(abs)(n) for n in range(5000))
    assert sum(sizes) == 5000
    assert max(sizes) > 10


@pytest.mark.usefixtures("two")
def test_results_come_while_others_are_computed() -> None:
    """As a generator, in order or as they arrive."""
    with gate() as door:
        calls = [delayed(tasks.pass_gate_if)(door.handle, n == 0, n) for n in range(4)]
        arrived = Parallel(return_as="generator_unordered", batch_size=1)(calls)
        assert sorted(next(arrived) for _ in range(3)) == [1, 2, 3]
        door.open()
        assert list(arrived) == [0]
        ordered = Parallel(return_as="generator")(delayed(abs)(-n) for n in range(50))
        assert list(ordered) == list(range(50))


@pytest.mark.usefixtures("two")
def test_a_generator_that_is_dropped_stops_its_calls(begun: Pipe, told: Pipe) -> None:
    """Running calls are interrupted; joblib warns of results that were not used."""
    calls = [delayed(abs)(1)]
    calls += [delayed(stoppable.spin_and_tell)(begun.writer, told.writer) for _ in range(2)]
    results = Parallel(return_as="generator_unordered", batch_size=1)(calls)
    assert next(results) == 1
    begun.hear()
    with warnings.catch_warnings(record=True):
        warnings.simplefilter("always")
        del results
        gc.collect()
    assert told.hear(13) == b"TaskCancelled"
    assert Parallel()(delayed(abs)(-n) for n in range(3)) == [0, 1, 2]


@pytest.mark.usefixtures("two")
def test_an_exception_stops_the_other_calls(begun: Pipe, told: Pipe) -> None:
    """The exception has its own type, and the worker's traceback; a new pool is ready for more."""
    calls = [
        delayed(stoppable.spin_and_tell)(begun.writer, told.writer),
        delayed(_fail_after)(begun.reader),
    ]
    with pytest.raises(LookupError, match="mine") as caught:
        Parallel(batch_size=1)(calls)
    assert "in _fail_after" in str(caught.value.__cause__)
    assert told.hear(13) == b"TaskCancelled"
    assert Parallel()(delayed(abs)(-n) for n in range(30)) == list(range(30))


def _fail_after(reader: int) -> None:
    os.read(reader, 1)
    raise LookupError("mine")


@pytest.mark.usefixtures("two")
def test_an_exception_of_the_iterable_is_raised() -> None:
    """Wherever it comes."""

    def calls(count: int) -> Iterator[object]:
        for number in range(count):
            yield delayed(abs)(number)
        raise LookupError("mine")

    for count in (0, 3, 300):
        with pytest.raises(LookupError, match="mine"):
            Parallel()(calls(count))


@pytest.mark.usefixtures("two")
def test_an_unsendable_object_is_named() -> None:
    """In the call, and in its result."""
    with pytest.raises(Exception, match=r"lock.* cannot be sent|cannot be sent.*lock"):
        Parallel()(delayed(tasks.same)(threading.Lock()) for _ in range(2))
    with pytest.raises(Exception, match="the result"):
        Parallel()(delayed(threading.Lock)() for _ in range(2))


@pytest.mark.usefixtures("two")
def test_a_timeout_ends_the_wait(begun: Pipe, told: Pipe) -> None:
    """The calls that run are stopped."""
    calls = [delayed(stoppable.spin_and_tell)(begun.writer, told.writer)] * 2
    results = Parallel(timeout=0.05, batch_size=1, return_as="generator")(calls)
    begun.hear(2)
    with pytest.raises(Exception) as caught:  # noqa: PT011  # joblib's own, of `multiprocessing`
        next(results)
    assert type(caught.value).__name__ == "TimeoutError"
    assert told.hear(13) == b"TaskCancelled"


@pytest.mark.usefixtures("two")
def test_nested_calls_run_one_after_another() -> None:
    """In the worker of the outer call, however they are asked for, from a module with joblib."""
    for place, inner in Parallel()(delayed(joblib_tasks.where_inside)(3) for _ in range(3)):
        assert inner == [[place] * 3] * 3
        assert place != tasks.interpreter()


@pytest.mark.parametrize(
    ("asked", "workers"),
    [(3, 3), (1, 1), (None, 1), (-1, joblib.cpu_count()), (-1000, 1)],
)
def test_the_number_of_workers_is_joblibs(asked: int | None, workers: int) -> None:
    """-1 is one for each CPU; by default it is that, too."""
    with parallel_config("interpexec"):
        assert joblib.effective_n_jobs(asked) == workers
        assert Parallel().n_jobs == -1
        with pytest.raises(ValueError, match="no meaning"):
            joblib.effective_n_jobs(0)


def test_one_worker_is_none() -> None:
    """The calls run here, one after another, as with every backend."""
    with parallel_config("interpexec", n_jobs=1):
        where = Parallel()(delayed(tasks.interpreter)() for _ in range(3))
        assert set(where) == {tasks.interpreter()}


def test_calls_share_their_workers() -> None:
    """All that are made with one configuration."""
    with parallel_config("interpexec", n_jobs=2) as config:
        Parallel()(delayed(abs)(n) for n in range(3))
        pool = config["backend"]._pool
        Parallel()(delayed(abs)(n) for n in range(3))
        assert config["backend"]._pool is pool
        Parallel(n_jobs=3)(delayed(abs)(n) for n in range(3))
        assert config["backend"]._pool is not pool
        pool.shutdown()
        del pool


def test_options_are_those_of_the_executor() -> None:
    """In the configuration, or in the call. Others are refused, by name."""
    options = {"initializer": joblib_tasks.get_ready, "initargs": ("steady",)}
    with parallel_config("interpexec", n_jobs=2, max_tasks_per_child=5, **options):
        ready = Parallel(batch_size=1)(delayed(joblib_tasks.is_ready)() for _ in range(4))
        assert ready == [["steady"]] * 4
    parallel = Parallel(n_jobs=2, backend="interpexec", initializer=tasks.keep, initargs=(1,))
    assert parallel(delayed(tasks.kept_values)() for _ in range(2)) == [[1], [1]]
    with pytest.raises(TypeError, match="no option 'spam'"):
        parallel_config("interpexec", spam=1)
    del parallel


def test_threads_may_use_it_side_by_side() -> None:
    """Each with a configuration of its own."""
    found: dict[int, list[int]] = {}

    def ask(base: int) -> None:
        with parallel_config("interpexec", n_jobs=2):
            found[base] = Parallel()(delayed(abs)(base + n) for n in range(100))

    threads = [start(ask, base) for base in (0, 1000)]
    for thread in threads:
        finish(thread)
    assert found == {base: list(range(base, base + 100)) for base in (0, 1000)}


def test_it_can_be_the_default() -> None:
    """No name is needed."""
    try:
        interpexec.joblib.register(make_default=True)
        where = Parallel(n_jobs=2)(delayed(tasks.interpreter)() for _ in range(3))
    finally:
        joblib.register_parallel_backend(
            DEFAULT_BACKEND, joblib.parallel.BACKENDS[DEFAULT_BACKEND], make_default=True
        )
    assert tasks.interpreter() not in where


def test_joblib_has_to_be_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error says what to do; the module itself can be imported without it."""
    monkeypatch.setitem(sys.modules, "joblib", None)
    with pytest.raises(ModuleNotFoundError, match="pip install joblib"):
        interpexec.joblib.register()


def test_a_batch_that_is_made_beside_an_abort_is_cancelled() -> None:
    """The race that would leave a call running, in steps.

    1. the thread of a callback finds that nothing is aborted, and makes a batch
    2. another thread aborts: it cancels all calls that are out
    3. the first thread submits its batch
    """

    class Callback:
        parallel = mock.Mock(_aborting=True)

        def __call__(self, _: object) -> None:
            pass

    backend = InterpreterBackend(nesting_level=0)
    backend.configure(2, mock.Mock(verbose=0))
    batch = mock.Mock(items=[(stoppable.spin, (), {})])
    for ensure_ready in (True, False):
        backend.abort_everything(ensure_ready=ensure_ready)
        assert backend.submit(batch, Callback()).cancelled()
        assert not backend._out


def test_ctrl_c_ends_a_program(tmp_path: Path) -> None:
    """One is enough, and nothing of joblib's is in the way."""
    program = write(
        tmp_path / "program.py",
        """
        import os, sys
        import interpexec.joblib
        from joblib import Parallel, delayed

        def spin():
            os.write(int(sys.argv[1]), b"!")
            while True:
                pass

        interpexec.joblib.register()
        Parallel(n_jobs=2, backend="interpexec")(delayed(spin)() for _ in range(4))
        """,
    )
    reader, writer = os.pipe()
    try:
        begun = time.monotonic()
        # Not while a worker starts: CPython may then forget why it ends.
        signals = [(reader, signal.SIGCONT), (reader, signal.SIGINT)]
        done = run(program, writer, pass_fds=[writer], signals=signals)
    finally:
        os.close(reader)
        os.close(writer)
    assert done.returncode == -signal.SIGINT
    assert done.stderr.rstrip().endswith("KeyboardInterrupt")
    assert time.monotonic() - begun < TIME_LIMIT


def test_a_pool_of_interpreters_may_have_joblib_in_its_calls() -> None:
    """Only where the backend has prepared the worker: joblib alone refuses interpreters."""
    with InterpreterPoolExecutor(1) as pool:
        error = pool.submit(joblib_tasks.where, 2).exception(TIME_LIMIT)
    assert isinstance(error, ImportError)
