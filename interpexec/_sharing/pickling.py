"""The ladder: the ways to pickle a call, a result or a message, the quickest one first.

    1. plain data           pickle alone, for numbers and strings; also a function that has a
                            name, with plain arguments
    2. by name              with out-of-band data, and a reducer for each type (`pickler`)
    3. functions by value   where their names lead nowhere in the receiver (`functions`)
    4. cloudpickle          where it is installed
    5. the error            names the part that cannot be sent (`diagnose`)

A step that fails is followed by the next one. `CALLS`, `RESULTS` and `MESSAGES` say what the
receivers of these allow. An exception that a call raised goes by step 3 alone (`raised`).
"""

from _pickle import dumps

from interpexec._core import current_call, main_module
from interpexec._core.cpython import PLAIN, NotShareableError, own_builtins
from interpexec._sharing import pickler

own_builtins(globals())

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from interpexec._sharing.package import Packed

_FUNCTION = type(lambda: None)


class Ladder:
    """Steps 2 to 5, for one kind of receiver."""

    __slots__ = ("_by_name", "_expected", "_is_alone", "_lends")

    def __init__(
        self,
        by_name: "Callable[[], bool]",
        *,
        lends: bool = False,
        is_alone: bool = False,
        expected: type[BaseException] = Exception,
    ) -> None:
        """by_name: whether to try step 2. expected: the errors after which the next step is tried.

        lends, is_alone: as of `pickler.Packer`.
        """
        self._by_name = by_name
        self._lends = lends
        self._is_alone = is_alone
        self._expected = expected

    def pack(self, obj: object) -> "Packed":
        """Pack an object. Raises what step 3 raises: that says best what is wrong."""
        if self._by_name():
            try:
                return pickler.pack(obj, lends=self._lends, is_alone=self._is_alone)
            except self._expected as error:  # the user's classes run; tried again with care
                current_call.end_if_stopped(error)
        from interpexec._sharing import functions  # most objects have names that lead somewhere

        try:
            return pickler.pack(obj, functions.dump, lends=self._lends, is_alone=self._is_alone)
        except Exception:
            try:
                dump = functions.dump_by_cloudpickle()
                return pickler.pack(obj, dump, lends=self._lends, is_alone=self._is_alone)
            except Exception:  # noqa: S110  # it is not installed; or the other error is the better
                pass
            raise

    def pack_or_explain(self, obj: object, where: str) -> "Packed":
        """Pack an object. Raises NotShareableError, naming the part that cannot be sent.

        where: what the object is called.
        """
        try:
            return self.pack(obj)
        except self._expected as error:
            current_call.end_if_stopped(error)
            from interpexec._sharing import diagnose  # something is wrong

            raise diagnose.explain(obj, where, error, self.pack) from error


CALLS = Ladder(main_module.can_run_again, lends=True)
"""A call's maker outlives it, so its memory can be lent."""

# The main interpreter has what a worker can name. A worker sends whatever a call has raised.
RESULTS = Ladder(lambda: True, expected=BaseException)
"""The results of calls: a worker's memory may end with it, so it is copied."""

MESSAGES = Ladder(main_module.can_run_again, is_alone=True)
"""Messages in channels and queues, and objects under tokens: they may outlive their sender."""


def dumps_call(
    fn: "Callable[..., object]",
    args: tuple[object, ...],
    kwargs: dict[str, object],
) -> "Packed":
    """Pickle a call, on the caller's side.

    Raises NotShareableError, naming the argument, when a part of it cannot be sent.
    """
    call = fn, args, kwargs
    is_plain = type(fn) is _FUNCTION and not kwargs and PLAIN.issuperset(map(type, args))
    if is_plain and (fn.__module__ != "__main__" or main_module.can_run_again()):
        try:
            return dumps(call, 5)
        except Exception:  # noqa: S110  # it has no name, or another function's
            pass
    try:
        return CALLS.pack(call)
    except Exception as error:
        raise _explain_call(call, error) from error


def _explain_call(
    call: tuple[object, tuple[object, ...], dict[str, object]], error: Exception
) -> Exception:
    """Return the error that names the part of a call that cannot be sent."""
    fn, args, kwargs = call
    parts = {"the function": fn}
    parts |= {f"args[{index}]": value for index, value in enumerate(args)}
    parts |= {f"kwargs[{name!r}]": value for name, value in kwargs.items()}
    for where, part in parts.items():
        try:
            CALLS.pack_or_explain(part, where)
        except NotShareableError as reason:
            return reason
    if isinstance(error, NotShareableError):
        return error
    from interpexec._core.error_text import told

    return NotShareableError(f"the call cannot be sent to another interpreter: {told(error)}")


def dumps_value(value: object) -> "Packed":
    """Pickle a result, in a worker. Raises NotShareableError, naming the part, if it cannot be."""
    if type(value) in PLAIN:
        return dumps(value, 5)
    return RESULTS.pack_or_explain(value, "the result")
