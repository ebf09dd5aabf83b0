"""`interpexec map`: apply a function or an expression to each item."""

import argparse
import sys
from os import getcwd, process_cpu_count

from interpexec.cli._close import abandon
from interpexec.cli._errors import UsageError
from interpexec.cli._evaluate import Settings, prepare
from interpexec.cli._flow import Flow
from interpexec.cli._items import from_arguments, from_file
from interpexec.cli._order import AsTheyArrive, InItemOrder
from interpexec.cli._parse import parse_task
from interpexec.cli._report import Output, Report

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from interpexec.cli._items import Source

ITEMS_FOLLOW = ":::"
"""The separator between the options and the items, as in GNU parallel."""

FAILED = 1
"""Exit code if some items failed."""

_USAGE = "%(prog)s [options] WHAT [::: ITEM ...]"

_DESCRIPTION = """\
Apply WHAT to each item, in parallel, and print the results in the items' order.

WHAT is 'module:function', or an expression in x. Modules that the expression
names are imported by themselves. Items are strings: the lines of standard input,
of a file (-a), or what stands behind ::: on the command line."""

_EPILOG = """\
examples:
  find . -name '*.py' | interpexec map 'len(ast.parse(open(x).read()).body)'
  find . -type f -print0 | interpexec map -0 'os.path.getsize(x)'
  interpexec map -j 4 'math.factorial(int(x)) % 1000' ::: 1000 2000 3000
  interpexec map -a records.jsonl 'json.loads(x)["name"]'
  interpexec map -u mymodule:check < names.txt

A WHAT that begins with a minus sign stands last, after --.

exit codes: 0 all went well, 1 some items failed, 2 wrong usage, or items could
not be read or results not be written, 130 after Ctrl-C, 141 when nobody reads the
output any more."""


def run(argv: "Sequence[str]") -> int:
    """Carry out `interpexec map` with these arguments; return the exit code.

    Raises UsageError if nothing can be done, SystemExit where argparse does,
    KeyboardInterrupt, and BrokenPipeError when stdout has lost its reader.
    """
    arguments, items = _read_arguments(argv)
    _import_from_here()
    task = parse_task(arguments.what)
    output = Output(sys.stdout)
    settings = Settings(
        task, output.encoding, fail_fast=arguments.fail_fast, traceback=arguments.traceback
    )
    report = Report(output)
    _work(settings, _open_source(arguments, items), report, arguments)
    report.summarize()
    return FAILED if report.failed else 0


def _work(
    settings: Settings, source: "Source", report: Report, arguments: argparse.Namespace
) -> None:
    """Start the workers, let the items flow through them, end the workers."""
    from concurrent.futures import BrokenExecutor  # not before it is needed

    from interpexec import InterpreterPoolExecutor  # likewise

    pool = InterpreterPoolExecutor(arguments.jobs, "interpexec-map", prepare, (settings,))
    order = AsTheyArrive() if arguments.unordered else InItemOrder()
    flow = Flow(pool, source, report, order, workers=arguments.jobs, fail_fast=arguments.fail_fast)
    try:
        reading_error = flow.run()
    except BrokenExecutor as error:
        message = f"the workers broke down: {error}"
        raise UsageError(message) from error
    finally:
        if flow.is_complete():
            pool.shutdown()
        else:
            abandon(pool.terminate_workers)
    if reading_error is not None:
        report.summarize()
        message = f"cannot read the items: {reading_error}"
        raise UsageError(message) from reading_error


def _read_arguments(argv: "Sequence[str]") -> tuple[argparse.Namespace, "list[str] | None"]:
    """Return the options, and the items if they stand on the command line."""
    options, items = _split_at_items(list(argv))
    parser = _make_parser()
    arguments, unknown = parser.parse_known_args(options)
    if unknown:
        parser.error(
            f"unrecognized arguments: {' '.join(unknown)} (items stand behind {ITEMS_FOLLOW})"
        )
    if items is not None and arguments.arg_file is not None:
        parser.error(f"items come from --arg-file or stand behind {ITEMS_FOLLOW}, not both")
    if items is not None and ITEMS_FOLLOW in items:
        parser.error(f"{ITEMS_FOLLOW} may stand there only once")
    return arguments, items


def _split_at_items(argv: list[str]) -> tuple[list[str], list[str] | None]:
    if ITEMS_FOLLOW not in argv:
        return argv, None
    place = argv.index(ITEMS_FOLLOW)
    return argv[:place], argv[place + 1 :]


def _make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="interpexec map",
        usage=_USAGE,
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("what", metavar="WHAT", help="'module:function', or an expression in x")
    add("-a", "--arg-file", metavar="FILE", help="read the items from FILE ('-': stdin)")
    add("-0", "--null", action="store_true", help="items end with NUL, not with a newline")
    add(
        "-j",
        "--jobs",
        type=_positive,
        default=process_cpu_count() or 1,
        metavar="N",
        help="number of workers (default: %(default)s, the usable CPUs)",
    )
    add("-u", "--unordered", action="store_true", help="print each result as it arrives")
    add("-x", "--fail-fast", action="store_true", help="stop at the first item that fails")
    add("--traceback", action="store_true", help="show where in the worker an item failed")
    return parser


def _positive(text: str) -> int:
    try:
        number = int(text)
    except ValueError:
        number = 0
    if number < 1:
        message = f"{text!r} is not a number of workers (1 or more)"
        raise argparse.ArgumentTypeError(message)
    return number


def _open_source(arguments: argparse.Namespace, items: list[str] | None) -> "Source":
    if items is not None:
        return from_arguments(items)
    return from_file(arguments.arg_file or "-", b"\0" if arguments.null else b"\n")


def _import_from_here() -> None:
    """Put the current directory first on sys.path, where `python -m` has it.

    The script `interpexec` has its own directory there. `python -P` asks for neither.
    """
    try:
        here = getcwd()  # noqa: PTH109  # pathlib is slow to import
    except FileNotFoundError:
        return  # it was removed
    if not sys.flags.safe_path and here not in sys.path:
        sys.path.insert(0, here)
