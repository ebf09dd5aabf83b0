"""Arguments and results: what arrives is what was sent, and what cannot be sent is named."""

import pickle
from concurrent.futures import wait
from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction
from pathlib import PurePosixPath
from typing import TYPE_CHECKING
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import mishaps
import tasks
from gates import TIME_LIMIT
from interpexec import ExecutionFailed, InterpreterPoolExecutor, NotShareableError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.complex_numbers(allow_nan=False)
    | st.text(st.characters())
    | st.binary()
    | st.binary().map(bytearray)
    | st.dates()
    | st.timedeltas()
    | st.decimals(allow_nan=False)
    | st.fractions()
    | st.uuids()
    if hasattr(st, "ranges")
    else st.none() | st.integers() | st.text() | st.binary()
)
VALUES = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner)
        | st.tuples(inner, inner)
        | st.dictionaries(st.text(), inner)
        | st.frozensets(st.integers() | st.text())
    ),
)

several_examples = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@several_examples
@given(value=VALUES)
def test_any_value_goes_there_and_back(pool: InterpreterPoolExecutor, value: object) -> None:
    """As an argument and as a result, alone and in a chunk: equal, and of the same type."""
    for result in (
        pool.submit(tasks.same, value).result(TIME_LIMIT),
        *pool.map(tasks.same, [value, value], chunksize=2),
    ):
        assert result == value
        assert type(result) is type(value)


@several_examples
@given(args=st.lists(VALUES, max_size=4), notes=st.lists(st.text(), max_size=3))
def test_any_arguments_of_an_exception_arrive(
    pool: InterpreterPoolExecutor, args: list[object], notes: list[str]
) -> None:
    """All arguments and notes of an exception arrive."""
    given_error = ValueError(*args)
    for note in notes:
        given_error.add_note(note)
    error = pool.submit(tasks.fail, given_error).exception(TIME_LIMIT)
    assert type(error) is ValueError
    assert error.args == given_error.args
    assert getattr(error, "__notes__", []) == notes


@several_examples
@given(args=st.lists(VALUES, max_size=3), kwargs=st.dictionaries(st.text(), VALUES, max_size=3))
def test_any_call_is_made_as_it_was_written(
    pool: InterpreterPoolExecutor, args: list[object], kwargs: dict[str, object]
) -> None:
    """Positions and keywords arrive in their places, the order of keywords too."""
    got_args, got_kwargs = pool.submit(tasks.arguments, *args, **kwargs).result(TIME_LIMIT)
    assert (got_args, list(got_kwargs.items())) == (tuple(args), list(kwargs.items()))


@pytest.mark.parametrize(
    "size", [0, 1, 65400, *range(65500, 65545, 5), 65536, 1 << 20, (1 << 24) + 3]
)
def test_bytes_of_any_size_arrive(pool: InterpreterPoolExecutor, size: int) -> None:
    """Bytes arrive, also around the size from which payloads are sent in another way."""
    value = bytes(range(256)) * (size // 256 + 1)
    value = value[:size]
    assert pool.submit(tasks.same, value).result(TIME_LIMIT) == value


def test_kinds_of_values_arrive(pool: InterpreterPoolExecutor) -> None:
    """Instances of the standard library's classes and of our own."""
    values = [
        datetime.now(UTC),
        Decimal("1.10"),
        Fraction(1, 3),
        UUID(int=5),
        PurePosixPath("/a/b"),
        range(3, 9, 2),
        slice(1, None),
        ...,
        NotImplemented,
        int,
        tasks.Shape,
        "\ud800 lone surrogate",
        1 << 5000,
    ]
    assert pool.submit(tasks.same, values).result(TIME_LIMIT) == values


def test_changes_after_submit_do_not_change_the_call(
    pool: InterpreterPoolExecutor,
) -> None:
    """A call is taken as it is when it is submitted, also one that waits for its turn."""
    value = [0]
    futures = []
    for number in range(50):
        value[0] = number
        futures.append(pool.submit(tasks.same, value))
    assert [future.result(TIME_LIMIT) for future in futures] == [[n] for n in range(50)]


def test_one_object_that_is_sent_twice_in_a_call_stays_one(pool: InterpreterPoolExecutor) -> None:
    """Arguments keep what they share; cycles survive."""
    value: list[object] = [1]
    value.append(value)
    first, second = pool.submit(tasks.same, (value, value)).result(TIME_LIMIT)
    assert first is second
    assert first[1] is first


# -- what cannot be sent -----------------------------------------------------------------


KINDS = [
    "LookupError",
    "SystemExit",
    "KeyboardInterrupt",
    "GeneratorExit",
    "RecursionError",
    "StopIteration",
]


@pytest.mark.parametrize("kind", KINDS)
def test_an_argument_that_cannot_be_pickled_is_named(
    pool: InterpreterPoolExecutor, kind: str
) -> None:
    """On the future, or in the caller's frame for what is meant for the whole program."""
    argument = mishaps.ExplodesOnDeparture(kind)
    try:
        error = pool.submit(tasks.same, 1, argument).exception(TIME_LIMIT)
    except (SystemExit, KeyboardInterrupt, GeneratorExit) as raised:
        assert type(raised).__name__ == kind  # noqa: PT017  # one of two right answers
        return
    assert type(error) is NotShareableError
    assert "args[1]" in str(error)
    assert "ExplodesOnDeparture" in str(error)


@pytest.mark.parametrize("kind", KINDS)
def test_an_argument_that_cannot_be_unpickled_in_the_worker_is_told(
    pool: InterpreterPoolExecutor, kind: str
) -> None:
    """The error says "args not shareable"; its cause says "unpickled" and what was raised."""
    error = pool.submit(tasks.same, mishaps.ExplodesOnArrival(kind)).exception(TIME_LIMIT)
    assert type(error) is NotShareableError
    assert "args not shareable" in str(error)
    assert type(error.__cause__) is ExecutionFailed
    assert "unpickled" in str(error.__cause__)
    assert "exploded on arrival" in str(error.__cause__)
    assert error.__cause__.excinfo.type.__name__ == kind
    assert pool.submit(int).result(TIME_LIMIT) == 0


@pytest.mark.parametrize("kind", KINDS)
def test_a_result_that_cannot_be_pickled_is_named(pool: InterpreterPoolExecutor, kind: str) -> None:
    """NotShareableError on the future; `SystemExit` and the like, at worst, as themselves."""
    error = pool.submit(mishaps.make, mishaps.ExplodesOnDeparture, kind).exception(TIME_LIMIT)
    assert type(error) is NotShareableError or type(error).__name__ == kind
    assert pool.submit(int).result(TIME_LIMIT) == 0
    if issubclass(getattr(__import__("builtins"), kind), Exception):
        assert type(error) is NotShareableError
        assert "ExplodesOnDeparture" in str(error)
        assert type(error.__cause__) is ExecutionFailed


@pytest.mark.parametrize("kind", KINDS)
def test_a_result_that_cannot_be_unpickled_here_is_told(
    pool: InterpreterPoolExecutor, kind: str
) -> None:
    """The future ends with an error that tells what was raised; the pool goes on."""
    future = pool.submit(mishaps.make, mishaps.ExplodesOnArrival, kind, in_workers_only=False)
    assert not wait([future], TIME_LIMIT).not_done
    error = future.exception(0)
    assert error is not None
    told = f"{error!r} {error.__cause__!r}"
    assert "exploded on arrival" in told
    assert pool.submit(int).result(TIME_LIMIT) == 0


def test_a_result_of_a_local_class_is_made_here(pool: InterpreterPoolExecutor) -> None:
    """A class that only the worker has comes with its instance."""
    made = pool.submit(mishaps.make_local).result(TIME_LIMIT)
    assert type(made).__name__ == "Local"


def test_a_result_that_cannot_be_sent_is_named(pool: InterpreterPoolExecutor) -> None:
    """By what it is, also if its repr fails."""
    error = pool.submit(mishaps.lock).exception(TIME_LIMIT)
    assert type(error) is NotShareableError
    assert "lock" in str(error)
    error = pool.submit(mishaps.make, mishaps.ExplodesInRepr).exception(TIME_LIMIT)
    assert type(error) is NotShareableError
    assert "ExplodesInRepr" in str(error)


@pytest.mark.parametrize("depth", [100_000])
def test_values_nested_too_deeply_are_refused(pool: InterpreterPoolExecutor, depth: int) -> None:
    """As an argument and as a result; nothing overflows."""
    deep = mishaps.deep(depth)
    with pytest.raises(RecursionError):
        pickle.dumps(deep)
    error = pool.submit(tasks.same, deep).exception(TIME_LIMIT)
    assert type(error) is NotShareableError
    assert "args[0]" in str(error)
    while deep:
        deep = deep.pop()  # type: ignore[assignment]
    error = pool.submit(mishaps.deep, depth).exception(TIME_LIMIT)
    assert type(error) is NotShareableError
    assert pool.submit(int).result(TIME_LIMIT) == 0


@pytest.mark.parametrize("make", ["map", "imap_unordered"])
def test_maps_name_what_cannot_be_sent(pool: InterpreterPoolExecutor, make: str) -> None:
    """An item that cannot leave is the item's error in either kind of map."""
    mapping: Callable[..., Iterator[object]] = getattr(pool, make)
    with pytest.raises(NotShareableError, match=r"args\[0\]"):
        list(mapping(tasks.same, [mishaps.ExplodesOnDeparture()]))
