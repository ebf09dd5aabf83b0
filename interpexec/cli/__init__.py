"""The command line: `interpexec map` and others, also as `python -m interpexec map`.

    __init__      main(): the only public name
    _commands     the table of subcommands
    map           `interpexec map`: its parts put together
     ├─ _map_options   its arguments, their help, and contradictions
     ├─ _halt          when failures end a run
     ├─ _flow          the loop between reading, workers and writing
     ├─ _report        results to stdout, failures to stderr
     ├─ _failures      what is told of an item that has failed
     ├─ _reduce        one result of all
     ├─ _joblog        a record of each item, from which a later run goes on
     ├─ _progress      the line that tells how far it is
     ├─ _signals       Ctrl-C and its like
     ├─ _close         how a run ends that must not wait
     └─ _explain       what would be done, without doing it
    bench         `interpexec bench`: which way to run a function is the fastest
     ├─ _rounds        which items, how often, in which order
     ├─ _reading       one reading, in a process of its own
     ├─ _usage         memory, and waiting for a CPU
     └─ _verdict       the table, and the choice
    doctor        `interpexec doctor`: which modules load
     ├─ _probe         one module, tried in a process of its own
     └─ _faults        known faults of CPython
    completion    `interpexec completion`: scripts for shells
    _options, _parser, _given
                  the target and the items, for all commands that have them
     ├─ _parse         'module:function' or an expression: is it sound?
     ├─ _expression    the names in an expression, and what they stand for
     ├─ _imports       importing in the main interpreter, with errors for the user
     ├─ _items         where the items come from; the reading thread
     └─ _records       rows of CSV, batches, lines of JSON
    _children     programs of this package in processes of their own
    _errors       UsageError
    _task, _evaluate, _inputs, _outputs, _printing, _trial
                  the worker's side: what is done with an item

It is a client of the package's public names, as any program is.

Workers import this package on their way to `_evaluate`, so this file imports
nothing until `main` is called.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["main"]

INTERRUPTED = 130
"""Exit code after Ctrl-C: 128 + SIGINT, as a shell reports it."""


def main(argv: "Sequence[str] | None" = None) -> int:
    """Run the command line and return its exit code.

    `argv` is what stands after the program's name. None stands for the process's
    own arguments and makes this call the process's last act: a worker that cannot
    be stopped (blocked in C) then ends with the process instead of delaying it.

    Returns 0 if all went well, 1 if some items failed, 2 if nothing could be done
    or reading or writing failed, 130 after Ctrl-C, 141 when the reader of stdout
    has gone. Call it from the main thread; it blocks until the command is done.
    """
    import sys  # see the module's docstring

    try:
        from interpexec.cli._commands import run_command  # likewise

        status = run_command(sys.argv[1:] if argv is None else argv)
    except KeyboardInterrupt:  # also one that comes during the imports
        status = INTERRUPTED
    if argv is None:
        from interpexec.cli._close import leave_the_stuck_behind  # see above

        leave_the_stuck_behind(status)
    return status
