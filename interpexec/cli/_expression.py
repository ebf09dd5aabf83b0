"""An expression in x and i: it is compiled, and the modules that it names are found.

The expression becomes the body of `lambda x, i: …`, so that a walrus inside it binds
a local name, as in a function. The compiler then knows best which names are free:
those it looks up as globals.
"""

import ast
import builtins
import dis
import sys
from marshal import dumps
from types import CodeType, ModuleType
from warnings import catch_warnings

from interpexec.cli._errors import UsageError
from interpexec.cli._imports import did_you_mean, import_or_refuse

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

FILENAME = "<expression>"
"""The name of the file in tracebacks."""

_NOT_COMPILED = (SyntaxError, ValueError, RecursionError, MemoryError, OverflowError)
"""The errors of `compile`; all but the first for odd characters or too much depth."""


def check_expression(text: str, setup: str = "") -> tuple[bytes, tuple[str, ...], bytes, bool]:
    """Return the code of `lambda x: <text>`, marshalled, and the modules it needs.

    Also the code of `setup`, and whether the lambda takes `i`, too. The modules are imported
    here as well, to see that they exist and how much of a dotted name is a module. Raises
    UsageError naming what is wrong.
    """
    setup_code, known = compile_setup(setup)
    uses_number = "i" not in known and _names(text, "i")
    tree, code = _compile(text, ("x", "i") if uses_number else ("x",))
    modules = tuple(dict.fromkeys(_find_modules(tree, code, known)))
    _refuse_bare_function(tree.body, text, known)
    return dumps(code), modules, setup_code, uses_number


def check_reduction(text: str) -> "Callable[[object, object], object]":
    """Return the function of a and b of an expression. Raises UsageError."""
    tree, code = _compile(text.strip(), ("a", "b"))
    namespace: dict[str, object] = {}
    for module in _find_modules(tree, code, frozenset()):
        namespace[module.partition(".")[0]] = __import__(module)
    if isinstance(tree.body, ast.Lambda):
        message = f"{text!r} is a function: write only what it returns for a and b"
        raise UsageError(message)
    function: Callable[[object, object], object] = eval(code, namespace)  # noqa: S307  # the user's own code
    return function


def compile_setup(text: str) -> tuple[bytes, frozenset[str]]:
    """Return the marshalled code of `--setup`, and the names that it binds."""
    if not text:
        return b"", frozenset()
    try:
        code = compile(text, "<setup>", "exec")
    except _NOT_COMPILED as error:
        message = f"--setup {_shorten(text)} is not valid Python: {_reason(error)}"
        raise UsageError(message) from error
    bound = {each.argval for each in dis.get_instructions(code) if each.opname == "STORE_NAME"}
    return dumps(code), frozenset(bound)


def _names(text: str, name: str) -> bool:
    """Say whether an expression reads a name, which it does not bind itself."""
    try:
        with catch_warnings(action="ignore"):  # they are given when it is compiled once more
            code = compile(text, FILENAME, "eval")
    except _NOT_COMPILED:
        return False  # it is told soon
    return any(name in set(_global_names(each)) for each in _all_code(code))


def _reason(error: Exception) -> str:
    reason = error.msg if isinstance(error, SyntaxError) else f"{type(error).__name__}: {error}"
    return f"{reason}{_place(error)}"


def _compile(text: str, parameters: tuple[str, ...]) -> tuple[ast.Expression, CodeType]:
    try:
        tree = ast.parse(text, FILENAME, "eval")
        # By itself first: inside a lambda, `yield` would be allowed.
        with catch_warnings(action="ignore"):  # the second `compile` gives them again
            compile(tree, FILENAME, "eval")
        return tree, compile(_as_function(tree, parameters), FILENAME, "eval")
    except _NOT_COMPILED as error:
        message = f"the expression {_shorten(text)} is not valid Python: {_reason(error)}"
        raise UsageError(message) from error


def _as_function(tree: ast.Expression, names: tuple[str, ...]) -> ast.Expression:
    parameters = ast.arguments(
        posonlyargs=[],
        args=[ast.arg(name) for name in names],
        kwonlyargs=[],
        kw_defaults=[],
        defaults=[],
    )
    return ast.fix_missing_locations(ast.Expression(ast.Lambda(parameters, tree.body)))


def _place(error: Exception) -> str:
    """Say where a syntax error is, if the parser knows."""
    if not isinstance(error, SyntaxError) or not error.offset:
        return ""
    line = f"line {error.lineno}, " if (error.lineno or 1) > 1 else ""
    return f" ({line}column {error.offset})"


def _shorten(text: str, limit: int = 60) -> str:
    shown = repr(text)
    return shown if len(shown) <= limit else f"{shown[: limit - 3]}..."


def _find_modules(tree: ast.Expression, code: CodeType, known: frozenset[str]) -> "Iterator[str]":
    """Yield each module to import: every free name, and how far its attributes are modules.

    known: names that need no module.
    """
    codes = list(_all_code(code))
    bound = {name for each in codes for name in each.co_varnames + each.co_cellvars}
    free = {name for each in codes for name in _global_names(each)}
    free -= {*dir(builtins), *known}
    for name in sorted(free):
        yield _import_root(name)
    for chain in _dotted_names(tree):
        # A name that is a parameter somewhere and free elsewhere: which of both
        # this one is would take the compiler's scopes; leave it to the workers.
        if chain[0] in free and chain[0] not in bound:
            yield from _import_chain(chain)


def _all_code(code: CodeType) -> "Iterator[CodeType]":
    """Yield `code` and the code of every lambda and generator inside it."""
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _all_code(constant)


def _global_names(code: CodeType) -> "Iterator[str]":
    for instruction in dis.get_instructions(code):
        if instruction.opname in {"LOAD_GLOBAL", "LOAD_NAME"}:
            yield instruction.argval


def _dotted_names(tree: ast.AST) -> "Iterator[list[str]]":
    """Yield ['os', 'path', 'getsize'] for `os.path.getsize`, and also its beginnings."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and (names := _dotted_name(node)):
            yield names


def _dotted_name(node: ast.expr) -> list[str]:
    """Return the names of a plain chain of attributes, [] for any other node."""
    if isinstance(node, ast.Name):
        return [node.id]
    if isinstance(node, ast.Attribute) and (before := _dotted_name(node.value)):
        return [*before, node.attr]
    return []


def _import_root(name: str) -> str:
    try:
        import_or_refuse(name)
    except UsageError as error:
        cause = error.__cause__
        if not isinstance(cause, ModuleNotFoundError) or cause.name != name:
            raise
        known = {"x", "i", *dir(builtins), *sys.stdlib_module_names}
        hint = did_you_mean(name, known)
        message = f"{name!r} is neither x, nor a builtin, nor a module{hint}"
        raise UsageError(message) from cause
    return name


def _import_chain(chain: list[str]) -> "Iterator[str]":
    """Yield the submodules at the beginning of `chain`; refuse a missing attribute."""
    path = chain[0]
    target: object = sys.modules[path]
    for name in chain[1:]:
        if not isinstance(target, ModuleType):
            return  # from here on it is up to the object
        if _names_submodule(target, name):
            target = import_or_refuse(f"{path}.{name}")
            yield f"{path}.{name}"
        elif not hasattr(target, name):
            message = f"module {path!r} has no attribute {name!r}{did_you_mean(name, dir(target))}"
            raise UsageError(message)
        else:
            target = getattr(target, name)
        path = f"{path}.{name}"


def _names_submodule(package: ModuleType, name: str) -> bool:
    """Say whether `package.name` must be imported as a module of its own.

    That it is an attribute already does not settle it: the module may have been
    imported here for another reason, and not in the workers.
    """
    if not hasattr(package, "__path__"):
        return False
    full_name = f"{package.__name__}.{name}"
    if hasattr(package, name):
        return getattr(package, name) is sys.modules.get(full_name)
    from importlib.util import find_spec  # few expressions need it

    return find_spec(full_name) is not None


def _refuse_bare_function(body: ast.expr, text: str, known: frozenset[str]) -> None:
    """Refuse `os.path.getsize` and `x.upper`, which would print the function for each item."""
    if isinstance(body, ast.Lambda):
        message = f"{text!r} is a function: write only what it returns for x"
        raise UsageError(message)
    names = _dotted_name(body)
    if not names or names == ["x"] or names[0] in {"i", *known}:
        return
    target: object
    if names[0] == "x":
        target, arguments = "", "()"  # as each item is
    else:
        target, arguments = getattr(builtins, names[0], None) or sys.modules[names[0]], "(x)"
    for name in names[1:]:
        target = getattr(target, name, None)
    if callable(target):
        message = f"{text!r} is a function and not a call of it: write '{text}{arguments}'"
        raise UsageError(message)
