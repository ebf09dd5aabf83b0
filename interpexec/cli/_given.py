"""The target and the items, as the options give them, for every command that has them."""

import sys
from os import getcwd
from os.path import dirname, exists, join

from interpexec.cli._errors import UsageError
from interpexec.cli._items import from_arguments, from_files
from interpexec.cli._parse import parse_task
from interpexec.cli._task import FunctionTask, Prepared

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace

    from interpexec.cli._items import Blocks, Source
    from interpexec.cli._task import Task

_PARENT = dirname(dirname(dirname(__file__)))  # noqa: PTH120  # pathlib is slow to import
"""The entry of `sys.path` that this package was found by."""

_DELIMITERS = {"\\n": b"\n", "\\t": b"\t", "\\0": b"\0"}


def task_of(arguments: "Namespace") -> "Task":
    """Return the task; modules of the current directory are found. Raises UsageError."""
    _import_from_here()
    task = parse_task(arguments.target, setup=arguments.setup, init=arguments.init)
    if arguments.kwargs and not isinstance(task, FunctionTask | Prepared):
        raise UsageError("--kwargs needs a function, 'module:function', in place of an expression")
    return task


def open_source(arguments: "Namespace", items: "list[str] | None") -> "Source":
    """Return where the items come from. items: those of the command line. Raises UsageError."""
    if items is not None:
        source = from_arguments(items)
    else:
        source = from_files(arguments.arg_file or ["-"], _separator(arguments))
    if arguments.jsonl or arguments.csv or arguments.batch:
        from interpexec.cli._records import batches, rows, without_empty  # seldom wanted

        if arguments.jsonl:
            source.blocks = without_empty(source.blocks)
        if arguments.csv:
            source.blocks = rows(source.blocks)
        if arguments.batch:
            source.blocks = batches(source.blocks, arguments.batch)
    return source


def kind_of(arguments: "Namespace") -> str:
    """Return the kind of the items: a name of `_inputs.KINDS`."""
    if arguments.files:
        return "file"
    for name in "text", "bytes":
        if getattr(arguments, name):
            return f"file-{name}"
    return "json" if arguments.jsonl or arguments.csv else "text"


def numbered(blocks: "Blocks") -> "Blocks":
    """Yield the items with their numbers before them."""
    number = 0
    for block in blocks:
        yield [f"{number + place}:{item}" for place, item in enumerate(block)]
        number += len(block)


def _separator(arguments: "Namespace") -> bytes:
    if arguments.null:
        return b"\0"
    if arguments.delimiter is None:
        return b"\n"
    known = _DELIMITERS.get(arguments.delimiter)
    return known or arguments.delimiter.encode(sys.getfilesystemencoding(), "surrogateescape")


def _import_from_here() -> None:
    """Put the current directory first on sys.path, where `python -m` has it.

    The script `interpexec` has its own directory there. `python -P` asks for neither. Where
    the current directory is a checkout of this package, and another copy of it runs, that copy
    stays before it: workers would load the checkout's.
    """
    try:
        here = getcwd()  # noqa: PTH109  # pathlib is slow to import
    except FileNotFoundError:
        return  # it was removed
    if not sys.flags.safe_path and here not in sys.path:
        place = 0
        if exists(join(here, "interpexec")):  # noqa: PTH110, PTH118  # pathlib is slow to import
            place = [*sys.path, _PARENT].index(_PARENT) + 1
        sys.path.insert(place, here)
