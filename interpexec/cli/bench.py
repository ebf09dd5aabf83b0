"""`interpexec bench`: which way to run a function is the fastest, by its own items."""

import json
import sys
from concurrent import futures
from os import process_cpu_count
from platform import python_implementation, python_version

from interpexec.cli import _options
from interpexec.cli._children import Children
from interpexec.cli._errors import UsageError
from interpexec.cli._evaluate import Settings
from interpexec.cli._given import kind_of, numbered, open_source, task_of
from interpexec.cli._parser import Parser
from interpexec.cli._printing import CLEAR
from interpexec.cli._report import Output
from interpexec.cli._rounds import Rounds, read_some
from interpexec.cli._verdict import judge, speeds, table, warning

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from interpexec.cli._rounds import Result
    from interpexec.cli._verdict import Verdict

SECONDS = 10.0
"""How long a run takes, if that is not said."""

_DESCRIPTION = """\
Run TARGET on a sample of the items: in a loop, in threads, in processes, in the
standard library's interpreters (3.14 and later), and in this package's. Tell
which of these to choose.

TARGET and the items are those of `interpexec map`. The sample is taken at
random from the first 100,000 items, as large as the time allows; a small one is
repeated. Results are thrown away, and so is what TARGET prints."""

EXAMPLES = (
    "interpexec bench 'math.factorial(int(x)) % 1000' ::: 1000 2000 3000",
    "find . -name '*.py' | interpexec bench --text 'len(ast.parse(x).body)'",
    "interpexec bench --seconds 3 --json mymodule:check < names.txt",
)

_EPILOG = """\
examples:
  {examples}

start: until all workers are ready, with the modules of TARGET loaded. run: the
sample, from then on. speed-up: the time of the loop, divided by that of the
run; with start: by both. memory: what workers and results take, at the end.

exit codes: 0 measured, 2 wrong usage, or the loop itself fails, 130 after
Ctrl-C.""".format(examples="\n  ".join(EXAMPLES))


def run(argv: "Sequence[str]") -> int:
    """Carry out `interpexec bench` with these arguments; return the exit code.

    Raises UsageError, SystemExit where argparse does, KeyboardInterrupt, and BrokenPipeError.
    """
    arguments, items = _options.read(make_parser(), argv)
    task = task_of(arguments)
    output = Output(sys.stdout)
    source = open_source(arguments, items)
    if task.uses_number:
        source.blocks = numbered(source.blocks)
    found, are_all = read_some(source, arguments.seconds)
    settings = Settings(
        task,
        output.encoding,
        kind=kind_of(arguments),
        size=arguments.batch,
        spreads=arguments.kwargs,
        is_numbered=task.uses_number,
        output="value",
    )
    with Children() as children:
        rounds = Rounds(children, settings, arguments.jobs, _ways(), _tell)
        try:
            rounds.take(found, arguments.seconds)
        finally:
            _tell("")
    loop = rounds.results[0]
    if loop.failed == len(rounds.sample) * rounds.times:
        raise UsageError(f"every item of the sample fails: {loop.failure}")
    verdict = judge(rounds.results, len(rounds.sample) * rounds.times, arguments.jobs)
    of = f"{len(found):,}" if are_all else f"the first {len(found):,}"
    write = _json if arguments.json else _text
    output.write(write(rounds, arguments.jobs, of, verdict).encode(output.encoding, "replace"))
    output.flush()
    return 0


def make_parser() -> Parser:
    """Make the parser of the options."""
    parser = Parser("bench", _DESCRIPTION, _EPILOG)
    _options.add_task(parser)
    _options.add_input(parser)
    add = parser.group("control")
    _options.add_jobs(add)
    add(
        "--seconds",
        type=_options.seconds,
        default=SECONDS,
        metavar="S",
        help="about how long to measure (%(default)g)",
    )
    add("--json", action="store_true", help="print one JSON object")
    add("-h", "--help", action="help", help="show this help")
    return parser


def _ways() -> list[str]:
    """Return the ways that this Python has, the loop first."""
    names = ["loop", "threads", "processes", "stdlib interpreters", "interpexec"]
    if not hasattr(futures, "InterpreterPoolExecutor"):  # 3.13
        names.remove("stdlib interpreters")
    return names


def _tell(text: str) -> None:
    """Say in a terminal what is measured now; take that away for an empty text."""
    if sys.stderr is not None and sys.stderr.isatty():
        sys.stderr.write(CLEAR + text)
        sys.stderr.flush()


def _text(rounds: Rounds, jobs: int, of: str, verdict: "Verdict") -> str:
    python = f"{python_implementation()} {python_version()}"
    times = f", each {rounds.times:,} times" if rounds.times > 1 else ""
    workers = f"{jobs} worker{'s' if jobs != 1 else ''}, {process_cpu_count()} CPUs"
    head = f"{python}, {workers}; {len(rounds.sample):,} items of {of}{times}"
    about = f"{head}; median of {rounds.count} round{'s' if rounds.count != 1 else ''}"
    lines = [about, "", *table(rounds.results), "", verdict.choice, verdict.reason]
    if busy := warning(rounds.results[0]):
        lines += ["", busy]
    return "\n".join([*lines, ""])


def _json(rounds: Rounds, jobs: int, of: str, verdict: "Verdict") -> str:
    loop = rounds.results[0]
    found = {
        "python": f"{python_implementation()} {python_version()}",
        "cpus": process_cpu_count(),
        "jobs": jobs,
        "items": len(rounds.sample),
        "of": of,
        "times": rounds.times,
        "rounds": rounds.count,
        "ways": [_record(each, loop) for each in rounds.results],
        "choose": verdict.name,
        "because": [verdict.choice, verdict.reason],
        "warning": warning(loop) or None,
    }
    return f"{json.dumps(found, indent=2)}\n"


def _record(result: "Result", loop: "Result") -> dict[str, object]:
    if result.error is not None:
        return {"name": result.name, "error": result.error}
    steady, all_ = speeds(result, loop)
    return {
        "name": result.name,
        "start": result.start,
        "run": result.run,
        "speedup": steady,
        "speedup_with_start": all_,
        "memory": result.middle("memory"),
        "failed": result.failed,
        "failure": result.failure,
        "idle": result.idle,
        "readings": result.readings,
    }
