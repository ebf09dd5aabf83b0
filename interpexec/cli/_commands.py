"""The table of subcommands, and how one of them is found and run."""

import argparse
import sys
from importlib import import_module

from interpexec.cli._close import BROKEN_PIPE, silence_stdout
from interpexec.cli._errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

SUBCOMMANDS = {
    "map": ("interpexec.cli.map", "apply a function or an expression to each item"),
    "bench": ("interpexec.cli.bench", "tell which way to run a function is the fastest"),
    "doctor": ("interpexec.cli.doctor", "tell which modules can be imported in workers"),
    "completion": ("interpexec.cli.completion", "print a script by which a shell completes"),
}
"""Name: (module, summary). The module is imported when its command is run.

It offers `run(argv)`, which has a parser of its own, returns the exit code, and
raises UsageError for what argparse cannot know to be wrong. `make_parser()` returns the parser.
"""

USAGE = 2
"""Exit code of a command that was not given properly; argparse has it too."""

_EPILOG = "`interpexec COMMAND --help` shows more about a command, with examples."


def run_command(argv: "Sequence[str]") -> int:
    """Run the subcommand that `argv` names and return the exit code."""
    try:
        return _dispatch(argv)
    except UsageError as error:
        return _complain(error)
    except ImportError as error:
        if error.name != "interpexec":
            raise
        return _complain(error)  # of a Python that the package does not know
    except BrokenPipeError:
        silence_stdout()
        return BROKEN_PIPE


def _dispatch(argv: "Sequence[str]") -> int:
    """Let the top parser have the first argument, and the subcommand all others."""
    try:
        # A parser of its own takes 3 to 10 ms, most of it for imports that the help needs.
        known = argv and argv[0] in SUBCOMMANDS
        command = argv[0] if known else _top_parser().parse_args(argv[:1]).command
        module = import_module(SUBCOMMANDS[command][0])
        status: int = module.run(argv[1:])
    except SystemExit as stop:  # argparse has said what there is to say
        status = stop.code if isinstance(stop.code, int) else 0
        if not status:
            _say("")
    return status


def _say(text: str) -> None:
    """Write what was asked for, and what argparse has written: the help, or the version."""
    if sys.stdout is None:
        raise UsageError("standard output is closed")
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        silence_stdout()
        message = f"cannot write to standard output: {error}"
        raise UsageError(message) from error


def _top_parser() -> argparse.ArgumentParser:
    """Describe the commands, without importing one of them."""
    parser = argparse.ArgumentParser(
        prog="interpexec",
        description="Parallel pure Python in one process, by subinterpreters.",
        epilog=_EPILOG,
    )
    parser.add_argument("--version", action=_Version)
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, (_, summary) in SUBCOMMANDS.items():
        commands.add_parser(name, help=summary)
    return parser


class _Version(argparse.Action):
    """`--version`: this package's version, and that of the Python it runs on."""

    def __init__(self, option_strings: "Sequence[str]", dest: str) -> None:
        super().__init__(option_strings, dest, nargs=0, help="show the version and exit")

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        from platform import python_implementation, python_version  # only here

        from interpexec import __version__  # only here

        on = f"{python_implementation()} {python_version()}"
        _say(f"interpexec {__version__} ({on})\n")
        parser.exit()


def _complain(error: UsageError | ImportError) -> int:
    """Tell the user in one line."""
    if sys.stderr is not None:
        sys.stderr.write(f"interpexec: {error}\n")
    return USAGE
