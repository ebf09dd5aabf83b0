"""The task that is applied to each item, in a form that can be sent to the workers.

These are made in the main interpreter by `_parse` and loaded in each worker, so this file
imports next to nothing. An import that only a worker refuses (an extension that
does not support subinterpreters) raises in `load`, there.
"""

import sys
from marshal import loads

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import CodeType, ModuleType

    type Function = Callable[..., object]


def attribute_of(target: object, dotted: str) -> object:
    """Return what a dotted name stands for in a module."""
    for name in dotted.split("."):
        target = getattr(target, name)
    return target


def module_of_file(path: str) -> "ModuleType":
    """Run a file as a module, once, and return it."""
    name = f"<{path}>"
    if name not in sys.modules:
        from importlib.util import module_from_spec, spec_from_file_location  # only here

        spec = spec_from_file_location(name, path)
        assert spec is not None, "the name of the file ends with .py"
        assert spec.loader is not None, "so it has a loader"
        module = module_from_spec(spec)
        sys.modules[name] = module
        try:
            spec.loader.exec_module(module)
        except BaseException:
            del sys.modules[name]
            raise
    return sys.modules[name]


class FunctionTask:
    """A function that was named as 'module:function', or 'path.py:function'."""

    __slots__ = ("attribute", "is_file", "module")

    uses_number = False
    """Whether the function takes the number of the item, too."""

    def __init__(self, module: str, attribute: str, *, is_file: bool = False) -> None:
        """Name it. module: its name, or the path of its file."""
        self.module: str = module
        self.attribute: str = attribute
        self.is_file: bool = is_file

    def load(self) -> "Function":
        """Import the module and return the function."""
        if self.is_file:
            module = module_of_file(self.module)
        else:
            __import__(self.module)
            module = sys.modules[self.module]
        return attribute_of(module, self.attribute)  # type: ignore[return-value]  # `_parse` has seen that it is callable


class ExpressionTask:
    """An expression in `x` and `i`, compiled in the main interpreter as the body of a lambda.

    The code is sent as `marshal` writes it: both sides are the same Python, and the
    worker needs no parser.
    """

    __slots__ = ("code", "modules", "setup", "uses_number")

    def __init__(
        self,
        code: bytes,
        modules: tuple[str, ...],
        *,
        setup: bytes = b"",
        uses_number: bool = False,
    ) -> None:
        """code: of the lambda. setup: code that is run before. uses_number: it takes `i`, too."""
        self.code: bytes = code
        self.modules: tuple[str, ...] = modules
        self.setup: bytes = setup
        self.uses_number: bool = uses_number

    def load(self) -> "Function":
        """Import what the expression names and return it as a function."""
        namespace: dict[str, object] = {"__name__": "<expression>"}
        for module in self.modules:
            root = module.partition(".")[0]
            namespace[root] = __import__(module)  # a dotted name gives its root
        if self.setup:
            exec(loads(self.setup), namespace)  # noqa: S102, S302  # the user's own code
        code: CodeType = loads(self.code)  # noqa: S302  # bytes of this process
        function: Function = eval(code, namespace)  # noqa: S307  # the user's own code
        return function


class Prepared:
    """A task before which each worker calls a function, or runs code, once."""

    __slots__ = ("init", "setup", "task")

    def __init__(self, task: "Task", init: FunctionTask | None, setup: bytes) -> None:
        """Hold them.

        init: is called without arguments. setup: compiled code, for a task that is no expression.
        """
        self.task: Task = task
        self.init: FunctionTask | None = init
        self.setup: bytes = setup

    @property
    def uses_number(self) -> bool:
        """Whether the function takes the number of the item, too."""
        return self.task.uses_number

    def load(self) -> "Function":
        """Prepare this worker, and return the function."""
        if self.setup:
            exec(loads(self.setup), {"__name__": "<setup>"})  # noqa: S102, S302  # the user's own code
        if self.init is not None:
            self.init.load()()
        return self.task.load()


type Task = FunctionTask | ExpressionTask | Prepared
