"""The options of `interpexec map`: the parser, its help, and the manual come from one table."""

import argparse
from os import process_cpu_count

from interpexec.cli._errors import UsageError
from interpexec.cli._halt import NEVER, NOW, Halt, parse_halt

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

ITEMS_FOLLOW = ":::"
"""The separator between the options and the items, as in GNU parallel."""

USAGE = "%(prog)s [options] TARGET [::: ITEM ...]"

DESCRIPTION = """\
Apply TARGET to each item, in parallel, and print the results in the items' order.

TARGET is 'module:function', 'file.py:function', or an expression in x (the item)
and i (its number, from 0), whose modules are imported by themselves. Items are the
lines of standard input, of files (-a), or stand behind ::: on the command line."""

EXAMPLES = (
    "find . -name '*.py' | interpexec map 'len(ast.parse(open(x).read()).body)'",
    "find . -type f -print0 | interpexec map -0 'os.path.getsize(x)'",
    "interpexec map -j 4 'math.factorial(int(x)) % 1000' ::: 1000 2000 3000",
    "interpexec map --jsonl -a records.jsonl 'x[\"name\"]'",
    "interpexec map --joblog run.log --resume mymodule:check < names.txt >> out",
)

EPILOG = """\
examples:
  {examples}

A TARGET that begins with a minus sign stands last, after --. What a task prints goes
to standard error, marked with its item. Ctrl-\\ shows what runs.

exit codes: 0 all went well, 1 some items failed, 2 wrong usage, or items could not be
read or results not be written, 130 after Ctrl-C, 141 when nobody reads the output.""".format(
    examples="\n  ".join(EXAMPLES)
)


def make_parser() -> argparse.ArgumentParser:
    """Make the parser of the options."""
    parser = argparse.ArgumentParser(
        prog="interpexec map",
        usage=USAGE,
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=_Formatter,
        add_help=False,
    )
    parser.add_argument("target", metavar="TARGET", help=argparse.SUPPRESS)
    for add_group in _add_task, _add_input, _add_output, _add_control, _add_long_work:
        add_group(parser)
    return parser


WIDTH = 80
"""Columns of the help, on whatever screen."""


class _Formatter(argparse.RawDescriptionHelpFormatter):
    """Leaves more room for the texts."""

    def __init__(self, prog: str, **options: object) -> None:
        options |= {"max_help_position": 24, "width": WIDTH}
        super().__init__(prog, **options)  # type: ignore[arg-type]  # of argparse


def _add_task(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument_group("task").add_argument
    add("--setup", metavar="CODE", default="", help="run CODE once in each worker, before")
    add("--init", metavar="M:F", help="call the function F of module M once in each worker")
    add("--kwargs", action="store_true", help="the keys of a JSON item are the arguments")
    add("-n", "--batch", type=_positive, metavar="N", help="x is a list of N items")


def _add_input(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument_group("items").add_argument
    add("-a", "--arg-file", metavar="FILE", action="append", help="read FILE ('-': stdin)")
    add("-0", "--null", action="store_true", help="items end with NUL, not with a newline")
    add("-d", "--delimiter", metavar="TEXT", help="items end with TEXT (\\n, \\t, \\0)")
    add("--jsonl", action="store_true", help="items are JSON values, and so are results")
    add("--csv", action="store_true", help="items are rows of CSV: dicts, named by row 1")
    add("--text", action="store_true", help="items name files: x is the text of one")
    add("--bytes", action="store_true", help="items name files: x is the bytes of one")
    add("--files", action="store_true", help="items name files: x is one, open to read")


def _add_output(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument_group("results (None is none)").add_argument
    add(
        "-o",
        "--output",
        choices=("text", "jsonl", "repr", "null"),
        metavar="KIND",
        help="text (default), jsonl, repr, null (ends with NUL)",
    )
    add("--repr", dest="output", action="store_const", const="repr", help="the same as -o repr")
    add("--keep", action="store_true", help="write each item, a tab, and its result")
    add("--tag", action="store_true", help="put the item before each line of its result")
    add("--filter", action="store_true", help="write the items for which TARGET is true")
    add("--reduce", metavar="EXPR", help="one result: sum, min, max, count, or of a and b")
    add("-u", "--unordered", action="store_true", help="print each result as it arrives")


def _add_control(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument_group("control").add_argument
    add(
        "-j",
        "--jobs",
        type=_jobs,
        default=process_cpu_count() or 1,
        metavar="N",
        help="workers: a number, N%% of the usable CPUs, or 0: all",
    )
    add("--chunksize", type=_chunksize, metavar="N", help="items in a call (auto: by their time)")
    add("--timeout", type=_seconds, metavar="S", help="seconds that an item may take")
    add("--retries", type=_natural, default=0, metavar="N", help="run a failed item N times more")
    add(
        "--halt",
        type=_halt,
        default=Halt(NEVER),
        metavar="HOW",
        help="end at a failure: soon or now[,fail=N or ,fail=P%%]",
    )
    add(
        "-x",
        "--fail-fast",
        dest="halt",
        action="store_const",
        const=Halt(NOW),
        help="stop at the first item that fails",
    )
    add("--max-tasks-per-child", type=_positive, metavar="N", help="a new worker after N items")


def _add_long_work(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument_group("long work").add_argument
    add("--joblog", metavar="FILE", help="log each item: JSON Lines; .tsv: GNU parallel's")
    add("--resume", action="store_true", help="leave the items out that are in the log")
    add("--resume-failed", action="store_true", help="the same, but do failed ones again")
    add("--progress", action=argparse.BooleanOptionalAction, help="tell how far it is (terminal)")
    add("--traceback", action="store_true", help="show where in the worker an item failed")
    add("--dry-run", action="store_true", help="print the calls, and make none")
    add("--explain", action="store_true", help="print a Python program that does the same")
    add("-h", "--help", action="help", help="show this help")


def read_arguments(argv: "Sequence[str]") -> tuple[argparse.Namespace, "list[str] | None"]:
    """Return the options, and the items if they stand on the command line."""
    options, items = _split_at_items(list(argv))
    parser = make_parser()
    arguments, unknown = parser.parse_known_args(options)
    if unknown:
        parser.error(
            f"unrecognized arguments: {' '.join(unknown)} (items stand behind {ITEMS_FOLLOW})"
        )
    if items is not None and arguments.arg_file is not None:
        parser.error(f"items come from --arg-file or stand behind {ITEMS_FOLLOW}, not both")
    if items is not None and ITEMS_FOLLOW in items:
        parser.error(f"{ITEMS_FOLLOW} may stand there only once")
    _refuse_contradictions(arguments)
    return arguments, items


_EXCLUSIVE = (
    ("null", "delimiter", "csv"),
    ("jsonl", "csv", "text", "bytes", "files"),
    ("keep", "tag", "filter", "reduce"),
    ("reduce", "output"),
    ("kwargs", "batch"),
    ("kwargs", "text", "bytes", "files"),
    ("reduce", "joblog"),
    ("resume", "resume_failed"),
)
"""Options of which only one may be given."""

_NEEDED = (("kwargs", ("jsonl", "csv")), ("resume", ("joblog",)), ("resume_failed", ("joblog",)))
"""Options that need one of others."""


def _refuse_contradictions(arguments: argparse.Namespace) -> None:
    if arguments.delimiter == "":
        raise UsageError("--delimiter is empty")
    for names in _EXCLUSIVE:
        given = [name for name in names if getattr(arguments, name)]
        if len(given) > 1:
            message = f"{_flag(given[0])} and {_flag(given[1])} do not go together"
            raise UsageError(message)
    for name, others in _NEEDED:
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


def _natural(text: str, least: int = 0) -> int:
    if not (text.isascii() and text.isdigit()) or int(text) < least:
        message = f"{text!r} is not a number ({least} or more)"
        raise argparse.ArgumentTypeError(message)
    return int(text)


def _positive(text: str) -> int:
    return _natural(text, 1)


def _chunksize(text: str) -> int | None:
    return None if text == "auto" else _positive(text)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < float("inf"):
        message = f"{text!r} is not a number of seconds (more than 0)"
        raise argparse.ArgumentTypeError(message)
    return seconds


def _halt(text: str) -> Halt:
    try:
        return parse_halt(text)
    except UsageError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
