"""The task that the user asked for: 'module:function', or an expression in x.

Every mistake that can be known is reported here, in the main interpreter, before an
item is read or a worker started.
"""

from keyword import iskeyword

from interpexec.cli._errors import UsageError
from interpexec.cli._imports import did_you_mean, import_or_refuse
from interpexec.cli._task import ExpressionTask, FunctionTask

TYPE_CHECKING = False
if TYPE_CHECKING:
    from interpexec.cli._task import Task


def parse_task(text: str) -> "Task":
    """Return the task that `text` describes; raise UsageError if it cannot be done.

    It is 'module:function' only where both sides are dotted names: a colon may as
    well stand in a slice, a dict or a lambda.
    """
    module, colon, attribute = text.partition(":")
    if colon and _is_dotted_name(module) and _is_dotted_name(attribute):
        return _find_function(module, attribute)
    from interpexec.cli._expression import check_expression  # brings ast and dis

    code, modules = check_expression(text.strip())
    return ExpressionTask(code, modules)


def _find_function(module: str, attribute: str) -> FunctionTask:
    target: object = import_or_refuse(module)
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
    return FunctionTask(module, attribute)


def _is_dotted_name(text: str) -> bool:
    return all(part.isidentifier() and not iskeyword(part) for part in text.split("."))
