"""`interpexec doctor`: which faults this Python has, and which modules load in workers."""

import json
import sys
from platform import python_implementation, python_version

from interpexec.cli._children import Children
from interpexec.cli._errors import UsageError
from interpexec.cli._faults import own_faults
from interpexec.cli._options import seconds
from interpexec.cli._parser import Parser
from interpexec.cli._probe import LIMIT, Finding, probe
from interpexec.cli._report import Output

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

FAILED = 1
"""Exit code if a module cannot be used in workers."""

_DESCRIPTION = """\
Tell which of the known faults of CPython this Python has, and try to import
modules in a worker, each in a process of its own: a module that crashes the
interpreter is a result, not the end.

Without arguments: all top-level modules of the installed distributions. A name
that ends with .py stands for all that the script imports."""

EXAMPLES = (
    "interpexec doctor json decimal",
    "interpexec doctor --json sqlite3",
    "interpexec doctor script.py",
)

_EPILOG = """\
examples:
  {examples}

results: loads; partly: it loads without an extension module that does not
support subinterpreters, slower or with parts missing; refuses: it does not load
without one; fails: the import raises something else; missing; crashes; hangs.

exit codes: 0 all load (also partly), 1 some do not, 2 wrong usage.""".format(
    examples="\n  ".join(EXAMPLES)
)


def run(argv: "Sequence[str]") -> int:
    """Carry out `interpexec doctor` with these arguments; return the exit code.

    Raises UsageError, SystemExit where argparse does, and BrokenPipeError.
    """
    arguments = make_parser().parse_args(argv)
    names = list(dict.fromkeys(_names(arguments.modules)))
    output = Output(sys.stdout)
    findings = []
    python = f"{python_implementation()} {python_version()}"
    if not arguments.json:
        output.write(f"{python}, {len(names)} modules\n".encode())
        for fault in own_faults():
            name = fault.issue or "-"
            output.write(f"fault     {name:9}  {fault.what} ({fault.help})\n".encode())
    for finding in _findings(names, arguments.timeout):
        findings.append(finding)
        if not arguments.json:
            output.write(_line(finding).encode(output.encoding, "backslashreplace"))
            output.flush()
    if arguments.json:
        faults = [fault._asdict() for fault in own_faults()]
        modules = [_record(each) for each in findings]
        found = {"python": python, "faults": faults, "modules": modules}
        output.write(f"{json.dumps(found, indent=2)}\n".encode())
    output.flush()
    return 0 if all(each.is_fine for each in findings) else FAILED


def make_parser() -> Parser:
    """Make the parser of the options."""
    usage = "[options] [MODULE ...]"
    parser = Parser("doctor", _DESCRIPTION, _EPILOG, usage=usage)
    add = parser.group("options")
    add("modules", metavar="MODULE", nargs="*", help="a module, or a script: name.py")
    add("--json", action="store_true", help="print one JSON object")
    more = "seconds for one module (%(default)g)"
    add("--timeout", type=seconds, default=LIMIT, metavar="S", help=more)
    add("-h", "--help", action="help", help="show this help")
    return parser


def _names(given: "Sequence[str]") -> "Iterator[str]":
    """Yield the modules to try. Raises UsageError for a script that cannot be read."""
    if not given:
        from importlib.metadata import packages_distributions  # only here

        installed = (name for name in packages_distributions() if name.isidentifier())
        yield from sorted(name for name in installed if not name.startswith("_"))
    for name in given:
        if name.endswith(".py"):
            yield from _imports_of(name)
        elif all(part.isidentifier() for part in name.split(".")):
            yield name
        else:
            message = f"{name!r} is neither the name of a module nor a script (name.py)"
            raise UsageError(message)


def _imports_of(path: str) -> "Iterator[str]":
    """Yield the modules that a script imports, anywhere in it."""
    import ast  # only here

    try:
        with open(path, "rb") as file:  # noqa: PTH123  # pathlib is slow to import
            tree = ast.parse(file.read(), path)
    except (OSError, SyntaxError, ValueError) as error:
        message = f"cannot read {path!r}: {error}"
        raise UsageError(message) from error
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module


def _findings(names: "Sequence[str]", limit: float) -> "Iterator[Finding]":
    """Probe the modules side by side; yield what has come of them, in their order."""
    from concurrent.futures import ThreadPoolExecutor  # only here
    from functools import partial
    from os import process_cpu_count

    # In this order: those that run are killed before their threads are waited for.
    with ThreadPoolExecutor(process_cpu_count() or 1) as executor, Children() as children:
        try:
            yield from executor.map(partial(probe, limit=limit, children=children), names)
        finally:
            executor.shutdown(wait=False, cancel_futures=True)


def _line(finding: Finding) -> str:
    detail = f"  {finding.detail}" if finding.detail else ""
    return f"{finding.status:8}  {finding.name}{detail}\n"


def _record(finding: Finding) -> dict[str, object]:
    return {
        "name": finding.name,
        "status": finding.status,
        "detail": finding.detail,
        "extension": finding.extension,
        "refused": list(finding.refused),
    }
