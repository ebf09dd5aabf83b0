"""Type parameters and aliases that have arrived. See `rebuilding`.

The value of an alias, and the bound and the default of a type parameter, may mention the alias or
the parameter itself. So these are made as their statements make them: with a function
that is called when somebody asks for the rest. It looks into a box, which is filled when
everything that refers to the alias can find it.
"""

import opcode

from interpexec._core.cpython import own_builtins
from interpexec._sharing.rebuilding import obtained, register

own_builtins(globals())

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import CodeType, FunctionType
    from typing import Any

    type Lazy = tuple[object, ...]
    """The value that an expression has given; or the class of an error, and its arguments."""

    type Box = dict[str, Lazy]

_boxes: "dict[int, Box]" = {}  # of what is made and not filled yet, by id


def obtain_eager(
    key: int, name: str | None, kind: str, arguments: "tuple[Any, ...]", options: "dict[str, Any]"
) -> object:
    """Return a type parameter or a new type that a call has made."""
    found = obtained(key, name)
    if found is None:
        import typing

        module = options.pop("__module__", None)
        found = getattr(typing, kind)(*arguments, **options)
        _set_module(found, module)
        register(key, found)
    return found


def obtain_parameter(
    key: int, name: str | None, own_name: str, module: str | None, expressions: tuple[str, ...]
) -> object:
    """Return a type parameter that a statement has made.

    own_name: with its stars. expressions: what it has of "bound", "constraints" and "default".
    """
    found = obtained(key, name)
    if found is None:
        box: Box = {}
        found = _parameter(own_name, expressions, box)
        _set_module(found, module)
        register(key, found)
        _boxes[id(found)] = box
    return found


_EXPRESSIONS = {
    "bound": ": open('bound')",
    "constraints": ": (*open('constraints'),)",
    "default": " = open('default')",
}


def _parameter(name: str, expressions: tuple[str, ...], box: "Box") -> object:
    text = "".join(_EXPRESSIONS[part] for part in expressions)
    text = f"def function[{name}{text}](): pass"
    namespace: dict[str, Any] = {"open": lambda part: _value(box, part)}
    exec(text, namespace)  # noqa: S102  # the name was checked by the sender
    return namespace["function"].__type_params__[0]


def obtain_alias(
    key: int,
    name: str | None,
    names: tuple[str, str],
    module: str | None,
    parameters: "tuple[Any, ...]",
) -> object:
    """Return an alias, of the statement `type`. names: its own, and the qualified one."""
    found = obtained(key, name)
    if found is None:
        box: Box = {}

        def evaluate(_format: int = 1, /) -> object:
            return _value(box, "value")

        # The alias has these from the function, 3.15's the second one, too.
        evaluate.__module__ = module  # type: ignore[assignment]  # it may be None
        evaluate.__code__ = evaluate.__code__.replace(co_qualname=names[1])
        found = _make_alias((names[0], parameters or None, evaluate))
        register(key, found)
        _boxes[id(found)] = box
    return found


def fill(obj: object, box: "Box") -> None:
    """Say what the expressions in a statement have given."""
    own = _boxes.pop(id(obj), None)
    if own is not None:
        own.update(box)


def _value(box: "Box", part: str) -> object:
    value, *arguments = box[part]
    if arguments:
        raise value(*arguments[0])  # type: ignore[operator,misc]  # an error's class
    return value


def _set_module(obj: "Any", module: str | None) -> None:
    if module is not None and obj.__module__ != module:
        try:
            obj.__module__ = module
        except AttributeError:
            pass  # it is what made it, then


def _code_of_make_alias() -> "CodeType":
    """Return what the statement `type` does with its three parts, as the code of a function.

    The code of `lambda parts: +parts`, where another number says which operation it is.
    """
    calls = opcode.opmap["CALL_INTRINSIC_1"]

    def place(code: bytes | bytearray) -> int:
        return next(at for at in range(0, len(code), 2) if code[at] == calls) + 1

    statement = compile("type name = 0", "<alias>", "exec").co_code
    function = (lambda parts: +parts).__code__
    code = bytearray(function.co_code)
    code[place(code)] = statement[place(statement)]
    return function.replace(co_code=bytes(code))


_FUNCTION: "type[FunctionType]" = type(lambda: None)  # type: ignore[assignment]  # without `types`
_make_alias: "Callable[[tuple[Any, ...]], Any]" = _FUNCTION(_code_of_make_alias(), {})
