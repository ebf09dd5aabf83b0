"""How a function is sent: by its name, or by value.

By name, as pickle does it, where the worker finds the same object under its
module and qualified name. By value otherwise: a lambda, a function made inside
another one, or typed at a prompt, is sent as its code, if the code is all it
needs. A function that needs more (the variables of an enclosing function, globals of
the module) is sent by `cloudpickle` where it is installed, and is refused otherwise.

CPython's own `interpreters.Interpreter.call` draws the same line and calls
such functions "stateless".
"""

import _pickle
import marshal
import sys

from interpexec._core import main_module
from interpexec._core.cpython import NotShareableError, own_builtins
from interpexec._sharing import reducers

own_builtins(globals())

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from types import CodeType, FunctionType
    from typing import Any, NoReturn

    from interpexec._sharing.pickler import Packer

    type Recipe = tuple[Callable[..., Any], tuple[Any, ...]]

_FUNCTION: "type[FunctionType]" = type(lambda: None)  # type: ignore[assignment]  # without importing `types`
_GLOBAL_ACCESS = frozenset({"LOAD_GLOBAL", "LOAD_NAME", "STORE_GLOBAL", "DELETE_GLOBAL"})
_GIVEN = {"__name__"}  # names that `rebuild` provides; the body of every class reads it


class FunctionPickler(_pickle.Pickler):
    """A pickler that takes functions by value where their name leads nowhere."""

    def reducer_override(self, obj: object) -> "Any":
        """Return how a function is sent; leave all else to pickle."""
        if type(obj) is _FUNCTION and not is_found_by_name(obj):
            return by_value(obj)
        if obj is NotShareableError:
            return not_shareable_error, ()  # on 3.13 its module is no module
        return NotImplemented


def not_shareable_error() -> type[Exception]:
    """Return the class NotShareableError: so it is found in the receiver."""
    return NotShareableError


def dump_by_cloudpickle() -> "Callable[[object, Packer], None]":
    """Return a `dump` that is cloudpickle's, with the table of reducers. Raises ImportError."""
    from cloudpickle import Pickler

    class Both(Pickler):  # type: ignore[misc]  # it has no types
        # Of the class, since it is looked for when the pickler is made.
        dispatch_table = reducers.Before(Pickler.dispatch_table)

    return lambda obj, packer: Both(packer, 5).dump(obj)


def dump(obj: object, packer: "Packer") -> None:
    """Pickle an object, with the functions in it taken by value where that is needed."""
    by_value = FunctionPickler(packer, 5)
    by_value.dispatch_table = reducers.table()  # type: ignore[assignment]  # it holds any recipe
    by_value.dump(obj)


def is_found_by_name(function: "FunctionType") -> bool:
    """Say whether a worker finds this very function under its qualified name."""
    module = sys.modules.get(function.__module__)
    if module is None or (function.__module__ == "__main__" and _was_typed(function)):
        return False
    found: object = module
    for name in function.__qualname__.split("."):
        found = getattr(found, name, None)
    return found is function


def _was_typed(function: "FunctionType") -> bool:
    """Say whether a function of `__main__` came from a prompt or a notebook cell.

    Its code then names no file ("<stdin>", "<python-input-0>"), while code given
    by `-c` is called "<string>" and can be run again.
    """
    origin = main_module.describe()
    if origin is None:
        return True
    return function.__code__.co_filename.startswith("<") and origin[0] != "code"


def by_value(function: "FunctionType") -> "Recipe":
    """Return the recipe (as of `__reduce__`) that rebuilds `function` from its code.

    Raises NotShareableError, naming the function and the variables, when the
    code is not all that the function needs.
    """
    code = function.__code__
    if code.co_freevars:
        _refuse(function, "the variable", code.co_freevars, "of the function around it")
    needed = [name for name in _globals_of(code) if name in function.__globals__]
    if needed:
        _refuse(function, "the global name", needed, f"of module {function.__module__!r}")
    return rebuild, (
        marshal.dumps(code),
        function.__module__,
        function.__name__,
        function.__qualname__,
        function.__defaults__,
        function.__kwdefaults__,
        function.__dict__ or None,
    )


def rebuild(  # noqa: PLR0913, PLR0917  # the parts of a function, in `by_value`'s order
    code: bytes,
    module: str,
    name: str,
    qualname: str,
    defaults: tuple[object, ...] | None,
    kwdefaults: dict[str, object] | None,
    attributes: dict[str, object] | None,
) -> "FunctionType":
    """Make the function from its parts, over globals that hold the builtins only."""
    import builtins  # few workers get a function by value

    namespace = {"__name__": module, "__builtins__": builtins}
    function = _FUNCTION(marshal.loads(code), namespace, name, defaults)  # noqa: S302  # made by `by_value`
    function.__qualname__ = qualname
    function.__kwdefaults__ = kwdefaults
    function.__dict__.update(attributes or {})
    return function


def _globals_of(code: "CodeType") -> "Iterator[str]":
    """Yield the global names that `code`, or a function made in it, reads or writes."""
    import dis  # dear to import, and few functions are sent by value

    instructions = list(dis.get_instructions(code))
    # The body of a class reads its own names as it reads global ones.
    own = {each.argval for each in instructions if each.opname == "STORE_NAME"}
    for instruction in instructions:
        if instruction.opname in _GLOBAL_ACCESS and instruction.argval not in own | _GIVEN:
            yield instruction.argval
    for constant in code.co_consts:
        if isinstance(constant, type(code)):
            yield from _globals_of(constant)


def _refuse(
    function: "FunctionType", what: str, names: "Iterable[str]", of_what: str
) -> "NoReturn":
    """Raise the error for a function that needs more than its code."""
    listed = ", ".join(sorted({repr(name) for name in names}))
    message = (
        f"function {function.__qualname__!r} cannot be sent to another interpreter:"
        f" it uses {what} {listed} {of_what}."
        " Define it with `def` at the top level of a module, pass what it needs as"
        " an argument, or install cloudpickle"
    )
    raise NotShareableError(message)
