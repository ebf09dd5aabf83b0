"""The options that commands share, and how they are read: the target, and the items."""

import argparse
from os import process_cpu_count

from interpexec.cli._errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from interpexec.cli._parser import Adds, Parser


ITEMS_FOLLOW = ":::"
"""The separator between the options and the items, as in GNU parallel."""


def add_task(parser: "Parser") -> None:
    """Add the options of the task."""
    add = parser.group("task")
    add("--setup", metavar="CODE", default="", help="run CODE once in each worker, before")
    add("--init", metavar="M:F", help="call the function F of module M once in each worker")
    add("--kwargs", action="store_true", help="the keys of a JSON item are the arguments")
    add("-n", "--batch", type=positive, metavar="N", help="x is a list of N items")


def add_input(parser: "Parser") -> None:
    """Add the options of the items."""
    add = parser.group("items")
    add("-a", "--arg-file", metavar="FILE", action="append", help="read FILE ('-': stdin)")
    add("-0", "--null", action="store_true", help="items end with NUL, not with a newline")
    add("-d", "--delimiter", metavar="TEXT", help="items end with TEXT (\\n, \\t, \\0)")
    add("--jsonl", action="store_true", help="items are JSON values, and so are results")
    add("--csv", action="store_true", help="items are rows of CSV: dicts, named by row 1")
    add("--text", action="store_true", help="items name files: x is the text of one")
    add("--bytes", action="store_true", help="items name files: x is the bytes of one")
    add("--files", action="store_true", help="items name files: x is one, open to read")


def add_jobs(add: "Adds") -> None:
    """Add the number of workers."""
    add(
        "-j",
        "--jobs",
        type=_jobs,
        default=process_cpu_count() or 1,
        metavar="N",
        help="workers: a number, N%% of the usable CPUs, or 0: all",
    )


def read(
    parser: argparse.ArgumentParser, argv: "Sequence[str]"
) -> tuple[argparse.Namespace, "list[str] | None"]:
    """Return the options, and the items if they stand on the command line.

    Raises UsageError for options that do not go together, and SystemExit as argparse does.
    """
    options, items = _split_at_items(list(argv))
    arguments, unknown = parser.parse_known_args(options)
    if unknown:
        parser.error(
            f"unrecognized arguments: {' '.join(unknown)} (items stand behind {ITEMS_FOLLOW})"
        )
    if items is not None and arguments.arg_file is not None:
        parser.error(f"items come from --arg-file or stand behind {ITEMS_FOLLOW}, not both")
    if items is not None and ITEMS_FOLLOW in items:
        parser.error(f"{ITEMS_FOLLOW} may stand there only once")
    if arguments.delimiter == "":
        raise UsageError("--delimiter is empty")
    refuse_contradictions(arguments, EXCLUSIVE, NEEDED)
    return arguments, items


EXCLUSIVE = (
    ("null", "delimiter", "csv"),
    ("jsonl", "csv", "text", "bytes", "files"),
    ("kwargs", "batch"),
    ("kwargs", "text", "bytes", "files"),
)
"""Options of which only one may be given."""

NEEDED = (("kwargs", ("jsonl", "csv")),)
"""Options that need one of others."""


def refuse_contradictions(
    arguments: argparse.Namespace,
    exclusive: "Sequence[tuple[str, ...]]",
    needed: "Sequence[tuple[str, tuple[str, ...]]]",
) -> None:
    """Raise UsageError where two options exclude each other, or one needs another one."""
    for names in exclusive:
        given = [name for name in names if getattr(arguments, name)]
        if len(given) > 1:
            message = f"{_flag(given[0])} and {_flag(given[1])} do not go together"
            raise UsageError(message)
    for name, others in needed:
        if getattr(arguments, name) and not any(getattr(arguments, each) for each in others):
            message = f"{_flag(name)} needs {' or '.join(map(_flag, others))}"
            raise UsageError(message)


def _flag(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def _split_at_items(argv: list[str]) -> tuple[list[str], list[str] | None]:
    if ITEMS_FOLLOW not in argv:
        return argv, None
    place = argv.index(ITEMS_FOLLOW)
    return argv[:place], argv[place + 1 :]


# -- the values of options ---------------------------------------------------------------


def _jobs(text: str) -> int:
    cpus = process_cpu_count() or 1
    number, percent = text.removesuffix("%"), text.endswith("%")
    if not (number.isascii() and number.isdigit()) or (percent and not int(number)):
        message = f"{text!r} is not a number of workers (1 or more, 0 for all CPUs, or N%)"
        raise argparse.ArgumentTypeError(message)
    if percent:
        return max(1, cpus * int(number) // 100)
    return int(number) or cpus


def natural(text: str, least: int = 0) -> int:
    if not (text.isascii() and text.isdigit()) or int(text) < least:
        message = f"{text!r} is not a number ({least} or more)"
        raise argparse.ArgumentTypeError(message)
    return int(text)


def positive(text: str) -> int:
    return natural(text, 1)


def chunksize(text: str) -> int | None:
    return None if text == "auto" else positive(text)


def seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < float("inf"):
        message = f"{text!r} is not a number of seconds (more than 0)"
        raise argparse.ArgumentTypeError(message)
    return seconds
