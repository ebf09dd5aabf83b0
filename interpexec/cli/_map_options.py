"""The options of `interpexec map`: the parser, its help, and the manual come from one table."""

import argparse

from interpexec.cli._errors import UsageError
from interpexec.cli._halt import NEVER, NOW, Halt, parse_halt
from interpexec.cli._options import (
    add_input,
    add_jobs,
    add_task,
    chunksize,
    natural,
    positive,
    read,
    refuse_contradictions,
    seconds,
)
from interpexec.cli._parser import Parser

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

DESCRIPTION = """\
Apply TARGET to each item, in parallel; print the results in the items' order.

TARGET is 'module:function', 'file.py:function', or an expression in x (the
item) and i (its number, from 0): modules that it names are imported. Items are
the lines of standard input, of files (-a), or stand behind ::: in the command."""

EXAMPLES = (
    "find . -name '*.py' | interpexec map 'len(ast.parse(open(x).read()).body)'",
    "find . -type f -print0 | interpexec map -0 'os.path.getsize(x)'",
    "interpexec map -j 4 'math.factorial(int(x)) % 1000' ::: 1000 2000 3000",
    "interpexec map --jsonl -a records.jsonl 'x[\"name\"]'",
    "interpexec map --joblog run.log --resume mymodule:check < names.txt >> out",
)

_EXAMPLES = "examples:\n  {}\n".format("\n  ".join(EXAMPLES))

EPILOG = f"""\
{_EXAMPLES}
A TARGET that begins with a minus sign stands last, after --. What a task prints
goes to standard error, marked with its item. Ctrl-\\ shows what runs.

exit codes: 0 all is well, 1 some items failed, 2 wrong usage, or items could
not be read or results not be written, 130 after Ctrl-C, 141 when nobody reads
the output."""


MAIN = frozenset(
    {"-a", "-0", "--jsonl", "--csv", "--text", "--filter", "--reduce", "-u", "-j", "--timeout"}
    | {"--retries", "-x", "--joblog", "--resume", "--explain", "-h", "--help-all"}
)
"""The options that most runs need."""

_SHORT_EPILOG = f"""\
{_EXAMPLES}
exit codes: 0 all is well, 1 some items failed, 2 wrong usage, 130 after Ctrl-C."""


def make_parser(*, is_short: bool = False) -> Parser:
    """Make the parser of the options. is_short: its help has the main ones only."""
    more, main = (_SHORT_EPILOG, MAIN) if is_short else (EPILOG, None)
    parser = Parser("map", DESCRIPTION, more, main=main)
    for add_group in add_task, add_input, _add_output, _add_control, _add_long_work:
        add_group(parser)
    return parser


class _ShortHelp(argparse.Action):
    """`--help`: what fits a screen."""

    def __init__(self, option_strings: "Sequence[str]", dest: str, **more: str) -> None:
        super().__init__(option_strings, dest, nargs=0, help=more["help"])

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        make_parser(is_short=True).print_help()
        parser.exit()


def _add_output(parser: Parser) -> None:
    add = parser.group("results (None is none)")
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


def _add_control(parser: Parser) -> None:
    add = parser.group("control")
    add_jobs(add)
    add("--chunksize", type=chunksize, metavar="N", help="items in a call (auto: by their time)")
    add("--timeout", type=seconds, metavar="S", help="seconds that an item may take")
    add("--retries", type=natural, default=0, metavar="N", help="run a failed item N times more")
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
    add("--max-tasks-per-child", type=positive, metavar="N", help="a new worker after N items")


def _add_long_work(parser: Parser) -> None:
    add = parser.group("long work")
    add("--joblog", metavar="FILE", help="log each item: JSON Lines; .tsv: GNU parallel's")
    add("--resume", action="store_true", help="leave the items out that are in the log")
    add("--resume-failed", action="store_true", help="the same, but do failed ones again")
    add("--progress", action=argparse.BooleanOptionalAction, help="tell how far it is (terminal)")
    add("--traceback", action="store_true", help="show where in the worker an item failed")
    add("--dry-run", action="store_true", help="print the calls, and make none")
    add("--explain", action="store_true", help="print a Python program that does the same")
    add("-h", "--help", action=_ShortHelp, help="show the main options")
    add("--help-all", action="help", help="show all options")


def read_arguments(argv: "Sequence[str]") -> tuple[argparse.Namespace, "list[str] | None"]:
    """Return the options, and the items if they stand on the command line."""
    arguments, items = read(make_parser(), argv)
    refuse_contradictions(arguments, _EXCLUSIVE, _NEEDED)
    return arguments, items


_EXCLUSIVE = (
    ("keep", "tag", "filter", "reduce"),
    ("reduce", "output"),
    ("reduce", "joblog"),
    ("resume", "resume_failed"),
)

_NEEDED = (("resume", ("joblog",)), ("resume_failed", ("joblog",)))


def _halt(text: str) -> Halt:
    try:
        return parse_halt(text)
    except UsageError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
