"""The task that the user asked for: 'module:function', 'path.py:function', or an expression.

Every mistake that can be known is reported here, in the main interpreter, before an
item is read or a worker started.
"""

from keyword import iskeyword

from interpexec.cli._errors import UsageError
from interpexec.cli._imports import did_you_mean, import_or_refuse, run_or_refuse
from interpexec.cli._task import ExpressionTask, FunctionTask, Prepared, module_of_file

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType

    from interpexec.cli._task import Task


def parse_task(text: str, *, setup: str = "", init: str | None = None) -> "Task":
    """Return the task that `text` describes; raise UsageError if it cannot be done.

    It is 'module:function' only where both sides are dotted names: a colon may as
    well stand in a slice, a dict or a lambda. setup: code, and init: a function, for each worker
    to begin with.
    """
    function = _named_function(text)
    if function is None:
        from interpexec.cli._expression import check_expression  # brings ast and dis

        code, modules, setup_code, uses_number = check_expression(text.strip(), setup)
        task: Task = ExpressionTask(code, modules, setup=setup_code, uses_number=uses_number)
        return task if init is None else Prepared(task, _function(init, "--init"), b"")
    if not setup and init is None:
        return function
    from interpexec.cli._expression import compile_setup  # brings ast and dis

    return Prepared(function, _function(init, "--init"), compile_setup(setup)[0])


def parse_function(text: str, option: str) -> FunctionTask:
    """Return the function that the value of an option names; raise UsageError."""
    function = _named_function(text)
    if function is None:
        message = f"{option}: {text!r} is not 'module:function'"
        raise UsageError(message)
    return function


def _function(text: str | None, option: str) -> FunctionTask | None:
    return None if text is None else parse_function(text, option)


def _named_function(text: str) -> FunctionTask | None:
    """Return the function that `text` names; None if it is something else."""
    module, colon, attribute = text.rpartition(":")
    if not colon or not _is_dotted_name(attribute):
        return None
    if module.endswith(".py"):
        target = run_or_refuse(module, module_of_file)
        return _checked(target, module, attribute, is_file=True)
    if not _is_dotted_name(module):
        return None
    return _checked(import_or_refuse(module), module, attribute, is_file=False)


def _checked(found: "ModuleType", module: str, attribute: str, *, is_file: bool) -> FunctionTask:
    """Find an attribute that can be called."""
    target: object = found
    path = module
    for name in attribute.split("."):
        if not hasattr(target, name):
            message = f"{path!r} has no attribute {name!r}{did_you_mean(name, dir(target))}"
            raise UsageError(message)
        target = getattr(target, name)
        path = f"{path}.{name}"
    if not callable(target):
        message = f"'{module}:{attribute}' cannot be called: it is of type {type(target).__name__}"
        raise UsageError(message)
    return FunctionTask(module, attribute, is_file=is_file)


def _is_dotted_name(text: str) -> bool:
    return all(part.isidentifier() and not iskeyword(part) for part in text.split("."))
