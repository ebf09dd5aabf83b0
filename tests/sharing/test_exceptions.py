"""Exceptions are sent as what they are: raised or returned, alone or in anything else."""

import gc
import types
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

import mishaps
import tasks
from gates import TIME_LIMIT
from interpexec import InterpreterPoolExecutor, create_channel
from interpexec._sharing.pickling import RESULTS
from interpexec._sharing.unpickling import loads as load
from interpexec.sharing import from_token, to_token

pytestmark = pytest.mark.fast

FIELDS: dict[type[BaseException], tuple[str, ...]] = {
    OSError: ("errno", "strerror", "filename", "filename2"),
    UnicodeError: ("encoding", "object", "reason"),
    SystemExit: ("code",),
    StopIteration: ("value",),
    ImportError: ("msg", "name", "path", "name_from"),
    SyntaxError: ("msg", "filename", "lineno", "offset", "text", "end_lineno", "end_offset"),
    AttributeError: ("name", "obj"),
    NameError: ("name",),
    mishaps.Slotted: ("code",),
    mishaps.Hidden: ("_Hidden__code", "message"),
}
"""The state of exceptions beside `args` and their attributes; some of it can be set later."""

NUMBERS: dict[type[BaseException], tuple[str, ...]] = {
    UnicodeError: ("start", "end"),
    OSError: ("characters_written",),
}
"""The same, of what is always a number."""

MAKERS: list[Callable[[], BaseException]] = [
    lambda: ValueError("spam", 1),
    lambda: KeyError("key"),
    Exception,
    lambda: mishaps.Coded(5, reason="why"),
    lambda: mishaps.Silent(1, 2),
    lambda: mishaps.Slotted(3),
    lambda: mishaps.Hidden(3),
    lambda: mishaps.Frozen(3),
    lambda: mishaps.Reduced(3),
    lambda: mishaps.Counting(count=2),
    lambda: mishaps.HttpError(404, "http://x/"),
    lambda: OSError(2, "No such file", "name", None, "other"),
    lambda: OSError("only text"),
    lambda: BlockingIOError(11, "later", 7),
    lambda: UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte"),
    lambda: UnicodeEncodeError("ascii", "ä", 0, 1, "ordinal not in range"),
    lambda: UnicodeTranslateError("ä", 0, 1, "no"),
    lambda: UnicodeError(1),
    lambda: SystemExit(3),
    lambda: StopIteration("value"),
    lambda: ImportError("no", name="module", path="/path"),
    lambda: SyntaxError("bad", ("file", 1, 2, "text", 1, 3)),
    lambda: AttributeError("a", name="b", obj=[1, 2]),
    lambda: NameError("a", name="b"),
    lambda: KeyboardInterrupt("stop"),
]


def shape(obj: object, seen: dict[int, int] | None = None) -> object:
    """Return what can be compared: of equal shape are objects that nobody can tell apart.

    An object that was seen before stands there as its number, so circles end.
    """
    seen = {} if seen is None else seen
    if isinstance(obj, int | float | str | bytes | None):
        return type(obj), obj
    if id(obj) in seen:
        return "seen", seen[id(obj)]
    seen[id(obj)] = len(seen)
    if isinstance(obj, list):
        return [shape(each, seen) for each in obj]
    if isinstance(obj, tuple):
        return tuple(shape(each, seen) for each in obj)
    if isinstance(obj, dict):
        return {key: shape(value, seen) for key, value in obj.items()}
    assert isinstance(obj, BaseException)
    names = [
        name
        for of in (FIELDS, NUMBERS)
        for cls, fields in of.items()
        if isinstance(obj, cls)
        for name in fields
    ]
    kept = {name: shape(getattr(obj, name, "none"), seen) for name in names if name != "obj"}
    # Tuples that are made anew: what is in them is not.
    args, members = ([shape(each, seen) for each in of] for of in (obj.args, _members(obj)))
    return type(obj), args, shape(vars(obj), seen), kept, members


def _members(error: BaseException) -> tuple[BaseException, ...]:
    return error.exceptions if isinstance(error, BaseExceptionGroup) else ()


def _set(error: BaseException, name: str, value: object) -> None:
    """Set a field, also of what forbids it."""
    BaseException.__setattr__(error, name, value)


def _link(error: BaseException, how: str, other: object) -> None:
    """Let an exception reach another object."""
    match how:
        case "attribute":
            vars(error)["other"] = other
        case "list":
            vars(error).setdefault("others", []).append({"it": (other,)})
        case "args":
            BaseException.__setattr__(error, "args", (*error.args, other))
        case "notes":
            vars(error)["__notes__"] = ["a note", other]
        case "cause" | "context" if isinstance(other, BaseException):
            _set(error, f"__{how}__", other)


@st.composite
def webs(draw: st.DrawFn) -> list[BaseException]:
    """Return exceptions that reach each other in every way."""
    makers = draw(st.lists(st.sampled_from(MAKERS), min_size=1, max_size=4))
    errors = [make() for make in makers]
    for _ in range(draw(st.integers(0, 2))):
        members = draw(st.lists(st.sampled_from(errors), min_size=1, max_size=3))
        errors.append(BaseExceptionGroup("group", members))
    if draw(st.booleans()):
        plain = [each for each in errors if isinstance(each, Exception)]
        if plain:
            errors.append(mishaps.Several(plain, 7))
    if all(type(each) is not mishaps.Reduced for each in errors):  # what it keeps is its own
        for error in errors:
            _set_some_fields(draw, error)
            for how in draw(st.lists(st.sampled_from(["attribute", "list", "args", "notes"]))):
                _link(error, how, draw(st.sampled_from(errors)))
            for how in draw(st.lists(st.sampled_from(["cause", "context"]))):
                _link(error, how, draw(st.sampled_from(errors)))
    return draw(st.permutations(errors))


def _set_some_fields(draw: st.DrawFn, error: BaseException) -> None:
    values = st.one_of(st.integers(), st.text(max_size=3), st.lists(st.integers(), max_size=2))
    for of, what in (FIELDS, values), (NUMBERS, st.integers(0, 9)):
        for cls, names in of.items():
            for name in names:
                if isinstance(error, cls) and draw(st.booleans()):
                    _set(error, name, draw(what))


@pytest.mark.slow
@given(webs())
def test_exceptions_that_reach_each_other_arrive_as_they_were(errors: list[BaseException]) -> None:
    """Types, arguments, attributes, fields, notes, members, and who is who."""
    assert shape(load(RESULTS.pack(errors))) == shape(errors)
    assert shape(load(RESULTS.pack(errors[0]))) == shape(errors[0])


@given(st.sampled_from(MAKERS))
def test_an_exception_says_what_it_said(make: Callable[[], BaseException]) -> None:
    """Its text and its repr."""
    error = make()
    twin = load(RESULTS.pack(error))
    assert (str(twin), repr(twin)) == (str(error), repr(error))


# -- through a pool, and all other ways ---------------------------------------------------


@pytest.mark.parametrize("make", MAKERS)
def test_an_exception_is_returned_as_it_is_raised(
    pool: InterpreterPoolExecutor, make: Callable[[], BaseException]
) -> None:
    """As an argument and as a value, in a list, as an attribute, and in a map."""
    error = make()
    holder = types.SimpleNamespace(error=error)
    for value in error, [error, error], {"error": (error,)}:
        assert shape(pool.submit(tasks.same, value).result(TIME_LIMIT)) == shape(value)
    returned = pool.submit(tasks.same, holder).result(TIME_LIMIT)
    assert shape(returned.error) == shape(error)
    for each in pool.map(tasks.same, [error, error]):
        assert shape(each) == shape(error)


def test_an_exception_goes_through_channels_and_tokens() -> None:
    """As whole as through a call."""
    error = mishaps.Coded(5, reason="why")
    receiver, sender = create_channel()
    with receiver, sender:
        sender.send(error)
        assert shape(receiver.recv(TIME_LIMIT)) == shape(error)
    assert shape(from_token(to_token(error))) == shape(error)


def test_an_exception_that_can_reach_itself_is_raised_whole(pool: InterpreterPoolExecutor) -> None:
    """A child that knows its parent, both ways; its attributes arrive."""
    error = pool.submit(mishaps.raise_family).exception(TIME_LIMIT)
    assert type(error) is mishaps.Parent
    assert error.name == "parent"
    (child,) = error.children
    assert child.parent is error
    group = pool.submit(mishaps.raise_group_of_family).exception(TIME_LIMIT)
    assert isinstance(group, ExceptionGroup)
    assert group.exceptions[0].group is group  # type: ignore[union-attr]
    assert group.found == [group.exceptions[0]]  # type: ignore[attr-defined]
    for each in error, group:
        each.__dict__.clear()  # the circle
    gc.collect()


@pytest.mark.parametrize(
    ("obj", "arrived"),
    [
        (5, 5),
        ([1, "a"], [1, "a"]),
        (lambda: 5, None),
        (bytes(1 << 20), None),
        ([bytes(1 << 15)] * 3, [bytes(1 << 15)] * 3),
        ([str(number) * 9 for number in range(10_000)], None),
        (mishaps.Coded(5, reason="why"), None),
    ],
    ids=lambda value: type(value).__name__,
)
def test_the_object_of_an_attribute_error_arrives_if_it_is_small(
    obj: object, arrived: object
) -> None:
    """The `obj` of an AttributeError arrives if it is small, or is None where it cannot be sent."""
    error = AttributeError("no", name="name", obj=obj)
    twin = load(RESULTS.pack(error))
    assert (twin.args, twin.name, twin.obj) == (("no",), "name", arrived)
