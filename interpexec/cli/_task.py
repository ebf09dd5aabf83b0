"""The task that is applied to each item, in a form that can be sent to the workers.

Both classes are made in the main interpreter by `_parse` and loaded in each worker, so this file
imports next to nothing. An import that only a worker refuses (an extension that
does not support subinterpreters) raises in `load`, there.
"""

import sys
from marshal import loads

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import CodeType


class FunctionTask:
    """A function that was named as 'module:function'."""

    __slots__ = ("attribute", "module")

    def __init__(self, module: str, attribute: str) -> None:
        self.module = module
        self.attribute = attribute

    def load(self) -> "Callable[[str], object]":
        """Import the module and return the function."""
        __import__(self.module)
        target = sys.modules[self.module]
        for name in self.attribute.split("."):
            target = getattr(target, name)
        return target  # type: ignore[return-value]  # `_parse` has seen that it is callable


class ExpressionTask:
    """An expression in `x`, compiled in the main interpreter as the body of `lambda x: …`.

    The code is sent as `marshal` writes it: both sides are the same Python, and the
    worker needs no parser.
    """

    __slots__ = ("code", "modules")

    def __init__(self, code: bytes, modules: tuple[str, ...]) -> None:
        self.code = code
        self.modules = modules

    def load(self) -> "Callable[[str], object]":
        """Import what the expression names and return it as a function of x."""
        namespace: dict[str, object] = {}
        for module in self.modules:
            root = module.partition(".")[0]
            namespace[root] = __import__(module)  # a dotted name gives its root
        code: CodeType = loads(self.code)  # noqa: S302  # bytes of this process
        function: Callable[[str], object] = eval(code, namespace)  # noqa: S307  # the user's own code
        return function


type Task = FunctionTask | ExpressionTask
