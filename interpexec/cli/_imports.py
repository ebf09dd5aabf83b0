"""Importing in the main interpreter what the workers will import, to see that it is there."""

import sys
from importlib import import_module

from interpexec.cli._errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from types import ModuleType


def import_or_refuse(name: str) -> "ModuleType":
    """Import a module here; raise UsageError, saying why, if that fails."""
    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        missing = error.name or name
        if name == missing or name.startswith(f"{missing}."):
            message = f"no module named {missing!r}{did_you_mean(missing, sys.stdlib_module_names)}"
        else:
            message = f"cannot import {name!r}: {type(error).__name__}: {error}"
        raise UsageError(message) from error
    except (Exception, SystemExit) as error:  # a module runs any code when imported
        message = f"cannot import {name!r}: {type(error).__name__}: {error}"
        raise UsageError(message) from error


def run_or_refuse(path: str, run: "Callable[[str], ModuleType]") -> "ModuleType":
    """Run a file as a module here; raise UsageError, saying why, if that fails."""
    try:
        return run(path)
    except FileNotFoundError as error:
        message = f"no file {path!r}"
        raise UsageError(message) from error
    except (Exception, SystemExit) as error:  # a file has any code
        message = f"cannot run {path!r}: {type(error).__name__}: {error}"
        raise UsageError(message) from error


def did_you_mean(name: str, candidates: "Iterable[str]") -> str:
    """Return a clause with the candidate that looks most like `name`, or ''."""
    from difflib import get_close_matches  # only a mistake pays for it

    matches = get_close_matches(name, candidates, n=1)
    return f"; did you mean {matches[0]!r}?" if matches else ""
