"""Log records of workers, at the handlers of the caller: `forward_logging=True`."""

import logging
import threading
import time
import warnings
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

import logging_tasks
import stoppable
from gates import Gate
from interpexec import InterpreterPoolExecutor
from interpexec._pool.forwarded import CallerLevels
from stops import TIME_LIMIT, Pipe, pool_of

logger = logging.getLogger("tests.forwarded")


class Keeper(logging.Handler):
    """Keeps the records that come, and tells when there are enough."""

    def __init__(self) -> None:
        super().__init__()
        self.records: list[logging.LogRecord] = []
        self._news = threading.Condition()
        self.gate: threading.Event | None = None

    def emit(self, record: logging.LogRecord) -> None:
        if self.gate is not None:
            assert self.gate.wait(TIME_LIMIT)
        with self._news:
            self.records.append(record)
            self._news.notify_all()

    def hear(self, count: int) -> list[str]:
        """Return the messages, when there are so many; fail if they do not come."""
        with self._news:
            assert self._news.wait_for(lambda: len(self.records) >= count, TIME_LIMIT)
        return self.messages()

    def messages(self) -> list[str]:
        """Return the messages of all records."""
        return [record.getMessage() for record in self.records]


@pytest.fixture
def keeper() -> Iterator[Keeper]:
    """Return a handler of the logger that the calls use."""
    handler = Keeper()
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    yield handler
    logger.removeHandler(handler)
    logger.setLevel(logging.NOTSET)


@contextmanager
def forwarding(*args: object, **options: object) -> Iterator[InterpreterPoolExecutor]:
    """Make a pool that forwards log records."""
    with pool_of(*args, forward_logging=True, **options) as pool:
        yield pool


# -- the records ---------------------------------------------------------------------


def test_a_record_is_whole(keeper: Keeper) -> None:
    """With the place, the time, the thread and the worker; as if it was logged here."""
    begin = time.time()
    with forwarding(1, "cook") as pool:
        pool.submit(logging_tasks.log, "to %s", "you", level=logging.ERROR).result(TIME_LIMIT)
        (record,) = keeper.records
    logger.error("to %s", "you", extra={"worker": "none"})
    mine = keeper.records[-1]
    assert record.__dict__.keys() == mine.__dict__.keys()
    same = "name", "msg", "args", "levelname", "levelno", "process", "exc_info", "exc_text"
    assert [getattr(record, name) for name in same] == [getattr(mine, name) for name in same]
    assert (record.funcName, record.module) == ("log", "logging_tasks")
    assert record.pathname == logging_tasks.__file__
    assert record.threadName == record.worker == "cook_0"  # type: ignore[attr-defined]  # ours
    assert begin <= record.created <= time.time()
    assert 0 <= mine.relativeCreated - record.relativeCreated < TIME_LIMIT * 1000


@pytest.mark.parametrize(
    ("message", "args", "sent"),
    [
        ("%s %d", ("a", 1), ("a", 1)),
        ("%(a)s", ({"a": 1},), {"a": 1}),
        ("%s", ([1],), None),
        ("%(a)s", ({"a": [1]},), None),
        ("%s", (threading.Lock,), None),
        ("no arguments: 100%", (), ()),
        ({"an": "object"}, (), None),
    ],
)
def test_arguments_are_sent_or_formatted(
    message: object, args: tuple[object, ...], sent: object, keeper: Keeper
) -> None:
    """Plain ones are there for handlers that group by them; the text is the same."""
    with forwarding(1) as pool:
        pool.submit(logging_tasks.log, message, *args).result(TIME_LIMIT)
    logger.warning(message, *args)
    record, mine = keeper.records
    assert record.getMessage() == mine.getMessage()
    assert record.args == sent


def test_an_exception_comes_as_text(keeper: Keeper) -> None:
    """With the worker's traceback and stack, as formatters print them."""
    with forwarding(1) as pool:
        pool.submit(logging_tasks.log_exception).result(TIME_LIMIT)
    (record,) = keeper.records
    text = logging.Formatter().format(record)
    assert text.startswith("outer\nTraceback (most recent call last):\n")
    assert "ValueError: invalid literal for int() with base 10: 'inner'" in text
    assert "Stack (most recent call last):" in text
    assert record.exc_info is None


def test_other_attributes_are_kept(keeper: Keeper) -> None:
    """Objects are pickled; the name of the worker takes no attribute of the user's away."""
    extra = {"plain": 1, "tags": ["a"], "worker": "mine", "limit": 1 << 70}
    with forwarding(1) as pool:
        pool.submit(logging_tasks.log, "x", extra=extra).result(TIME_LIMIT)
    (record,) = keeper.records
    assert extra.items() <= record.__dict__.items()


def test_a_record_that_cannot_be_sent_is_degraded(keeper: Keeper) -> None:
    """Nothing is raised in the call, and something of the record comes."""
    with forwarding(1) as pool:
        pool.submit(logging_tasks.log_hostile).result(TIME_LIMIT)
    assert [message.partition(" ")[0] for message in keeper.messages()] == [
        *("<Hostile>", "%s", "%s", "plain"),
    ]
    assert keeper.records[-1].hostile == "<Hostile>"  # type: ignore[attr-defined]  # an extra
    assert "lock" in keeper.records[-1].lock  # type: ignore[attr-defined]  # an extra


def test_a_record_factory_of_the_program_is_used(keeper: Keeper) -> None:
    """Handlers may rely on its class."""

    class Own(logging.LogRecord):
        pass

    logging.setLogRecordFactory(Own)
    try:
        with forwarding(1) as pool:
            pool.submit(logging_tasks.log, "x").result(TIME_LIMIT)
    finally:
        logging.setLogRecordFactory(logging.LogRecord)
    assert type(keeper.records[0]) is Own


# -- their order, and when they come --------------------------------------------------


@pytest.mark.parametrize("count", [1, 40, 3000])
def test_the_records_of_a_call_come_before_its_result(count: int, keeper: Keeper) -> None:
    """All of them, in their order."""
    with forwarding(1) as pool:
        for _ in range(5):
            keeper.records.clear()
            pool.submit(logging_tasks.log_many, count).result(TIME_LIMIT)
            assert keeper.messages() == [str(number) for number in range(count)]


def test_the_records_of_each_worker_keep_their_order(keeper: Keeper) -> None:
    """Records of several workers mix."""
    with forwarding(2) as pool:
        calls = [pool.submit(logging_tasks.log_many, 500, n * 500) for n in range(8)]
        for call in calls:
            call.result(TIME_LIMIT)
    by_call = defaultdict(list)
    for message in map(int, keeper.messages()):
        by_call[message // 500].append(message)
    assert by_call == {n: list(range(n * 500, (n + 1) * 500)) for n in range(8)}


def test_maps_log_as_calls_do(keeper: Keeper) -> None:
    """A record for each item."""
    with forwarding(2) as pool:
        assert list(pool.map(logging_tasks.log_for, range(100))) == list(range(100))
    assert sorted(keeper.messages()) == sorted(f"item {n}" for n in range(100))


def test_a_record_comes_while_its_call_runs(door: Gate, begun: Pipe, keeper: Keeper) -> None:
    """Nothing waits for more to be sent."""
    with forwarding(1) as pool:
        call = pool.submit(logging_tasks.log_and_wait, 1, (begun.writer, door.handle[1]))
        assert keeper.hear(1) == ["0"]
        assert not call.done()
        door.open()


def test_a_burst_comes_while_its_call_runs(door: Gate, begun: Pipe, keeper: Keeper) -> None:
    """The race of the last records with the credit, in steps.

    1. the pool is slow: a handler waits
    2. the worker runs out of credit; further records wait there; the call logs no more
    3. the pool goes on, and gives credit: the rest has to come by that alone
    """
    keeper.gate = threading.Event()
    with forwarding(1) as pool:
        call = pool.submit(logging_tasks.log_and_wait, 1000, (begun.writer, door.handle[1]))
        begun.hear()
        keeper.gate.set()
        assert keeper.hear(1000) == [str(number) for number in range(1000)]
        assert not call.done()
        door.open()


def test_a_stopped_call_has_logged(begun: Pipe, keeper: Keeper) -> None:
    """Its records are there when the pool has ended."""
    with forwarding(1) as pool:
        call = pool.submit(logging_tasks.log_and_spin, begun.writer)
        begun.hear()
        assert call.cancel()
    assert keeper.messages() == ["before the end"]


def test_the_last_records_of_a_worker_come(door: Gate, begun: Pipe, keeper: Keeper) -> None:
    """Of threads that a call has left, and of the finalizer."""
    with forwarding(1, finalizer=logging_tasks.log, finalargs=("final",)) as pool:
        handle = begun.writer, door.handle[1]
        pool.submit(logging_tasks.log_in_thread, handle).result(TIME_LIMIT)
        pool.shutdown(wait=False)
        assert keeper.hear(1) == ["final"]
        door.open()
    assert keeper.messages() == ["final", "of a thread"]
    assert keeper.records[-1].threadName == "own"


def test_successors_and_replacements_forward_too(begun: Pipe, keeper: Keeper) -> None:
    """Each worker of the pool does."""
    with forwarding(1, max_tasks_per_child=2) as pool:
        for number in range(5):
            pool.submit(logging_tasks.log, str(number)).result(TIME_LIMIT)
        call = pool.submit(stoppable.spin, begun.writer)
        begun.hear()
        assert call.cancel()
        pool.submit(logging_tasks.log, "5").result(TIME_LIMIT)
    assert keeper.messages() == [str(number) for number in range(6)]


# -- levels --------------------------------------------------------------------------


def test_workers_have_the_levels_of_the_caller(keeper: Keeper) -> None:
    """A record that is not enabled is not made there, either."""
    logging.getLogger("tests.other").setLevel(logging.CRITICAL)
    try:
        with forwarding(1) as pool:
            enabled = [
                pool.submit(logging_tasks.is_enabled_for, level, name).result(TIME_LIMIT)
                for name in ("tests.forwarded", "tests.forwarded.below", "tests.other", "root")
                for level in (logging.DEBUG, logging.INFO, logging.ERROR, logging.CRITICAL)
            ]
        root = [logging.getLogger().isEnabledFor(each) for each in (10, 20, 40, 50)]
        assert enabled == [*[False, True, True, True] * 2, *[False] * 3, True, *root]
    finally:
        logging.getLogger("tests.other").setLevel(logging.NOTSET)
    assert keeper.records == []


def test_a_change_of_levels_is_seen_by_the_next_call(keeper: Keeper) -> None:
    """At the time of `submit`, or of `map`; back, too; and `logging.disable`."""
    enabled = (logging_tasks.is_enabled_for, logging.DEBUG)
    with forwarding(2) as pool:
        pool.warm()
        for _ in range(3):
            assert not pool.submit(*enabled).result(TIME_LIMIT)
            logger.setLevel(logging.DEBUG)
            assert pool.submit(*enabled).result(TIME_LIMIT)
            assert list(pool.map(logging_tasks.log_for, range(3))) == [0, 1, 2]
            logging.disable(logging.CRITICAL)
            try:
                assert not pool.submit(*enabled).result(TIME_LIMIT)
            finally:
                logging.disable(logging.NOTSET)
            logger.setLevel(logging.ERROR)
            assert list(pool.map(logging_tasks.log_for, range(3))) == [0, 1, 2]
        logger.setLevel(logging.NOTSET)
        found = pool.submit(logging_tasks.is_enabled_for, logging.INFO).result(TIME_LIMIT)
        assert found == logger.isEnabledFor(logging.INFO)
    assert len(keeper.records) == 9


def test_a_workers_own_level_lets_nothing_more_through(keeper: Keeper) -> None:
    """The levels are the caller's, for records that come, too."""
    with forwarding(1) as pool:
        assert not pool.submit(logging_tasks.log_with_level, logging.DEBUG).result(TIME_LIMIT)
    assert keeper.records == []


# -- what goes wrong -----------------------------------------------------------------


def test_a_filter_that_raises_costs_its_record(
    keeper: Keeper, caplog: pytest.LogCaptureFixture
) -> None:
    """The logger of the package says so; calls go on."""

    def refuse(record: logging.LogRecord) -> bool:
        if record.getMessage() == "1":
            raise RuntimeError("not this one")
        return True

    logger.addFilter(refuse)
    try:
        with forwarding(1) as pool:
            pool.submit(logging_tasks.log_many, 3).result(TIME_LIMIT)
    finally:
        logger.removeFilter(refuse)
    assert keeper.messages() == ["0", "2"]
    (told,) = [record for record in caplog.records if record.name == "interpexec"]
    assert "not this one" in str(told.exc_info)


def test_without_the_option_nothing_comes(
    keeper: Keeper, capfd: pytest.CaptureFixture[str]
) -> None:
    """Workers log by handlers of their own: there is the last resort of `logging`."""
    with pool_of(1) as pool:
        pool.submit(logging_tasks.log, "alone").result(TIME_LIMIT)
    assert keeper.records == []
    assert capfd.readouterr().err == "alone\n"


def test_a_worker_imports_logging_when_a_call_does(keeper: Keeper) -> None:
    """An import takes 20 to 30 ms; a change of levels, or a late import, makes no difference."""
    code = "__import__('sys').modules.get('logging') is not None"
    with forwarding(1) as pool:
        assert pool.submit(eval, code).result(TIME_LIMIT) is False
        logger.setLevel(logging.DEBUG)
        pool.submit(logging_tasks.log, "detail", level=logging.DEBUG).result(TIME_LIMIT)
        assert pool.submit(eval, code).result(TIME_LIMIT) is True
    assert keeper.messages() == ["detail"]


# -- warnings ------------------------------------------------------------------------


def test_warnings_are_the_callers() -> None:
    """Warnings are shown here, with their class, text and place."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with forwarding(1) as pool:
            pool.submit(logging_tasks.warn, "careful", DeprecationWarning).result(TIME_LIMIT)
    (found,) = caught
    assert (found.category, str(found.message)) == (DeprecationWarning, "careful")
    assert found.filename == logging_tasks.__file__


def test_the_filters_of_warnings_are_the_callers() -> None:
    """As they are when a worker starts: an error is raised in the call."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        warnings.filterwarnings("error", "bad.*", UserWarning)
        warnings.filterwarnings("ignore", module="logging_tasks", category=FutureWarning)
        with forwarding(1) as pool:
            error = pool.submit(logging_tasks.warn, "bad thing").exception(TIME_LIMIT)
            pool.submit(logging_tasks.warn, "fine", FutureWarning).result(TIME_LIMIT)
    assert type(error) is UserWarning
    assert caught == []


def test_captured_warnings_are_records(caplog: pytest.LogCaptureFixture) -> None:
    """`logging.captureWarnings(True)` holds for those of workers, too."""
    logging.captureWarnings(True)  # its signature
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("always")
            with forwarding(1) as pool:
                pool.submit(logging_tasks.warn, "careful").result(TIME_LIMIT)
    finally:
        logging.captureWarnings(False)  # its signature
    (record,) = [record for record in caplog.records if record.name == "py.warnings"]
    assert "careful" in record.getMessage()


def test_each_pool_looks_at_the_levels_itself(keeper: Keeper) -> None:
    """A pool that takes the place of one that is gone, in memory too, knows nothing of that."""
    assert keeper.records == []
    for _ in range(20):
        version, (levels, _) = CallerLevels().now()
        assert (version, levels["tests.forwarded"]) == (0, logging.INFO)
