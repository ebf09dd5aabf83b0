"""The program's `__main__` in a worker.

A worker has one module of this name. Definitions of the program arrive in it by value, as calls
need them (see `_sharing.rebuilding`), and their globals live on there between the calls.

    main interpreter   describe()       how the program was started, as plain data
    worker             expect(origin)   `__main__` gets a `__getattr__` for other names

The second run is for a call that uses something which cannot be sent by value, a lock, say. It
says why, and the program is run once more then, in that module, under another name,
`__mp_main__`, as `multiprocessing` does (so does the first name that `__main__` does not have): so
`if __name__ == "__main__":` keeps out the parts that only the real start may do. The program is
run once in each worker at most, and its definitions take the places of those that had arrived.

Code that is typed at a prompt or into a notebook cannot be run again; `origin` is None then.
"""

import _io  # `io` is not in a bare interpreter
import copyreg
import os
import sys
from _pickle import loads as _unpickle
from _thread import RLock, get_ident

from interpexec._core.cpython import own_builtins

own_builtins(globals())

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Container
    from types import CodeType, ModuleType, TracebackType
    from typing import Any, Protocol

    type WhenImported = Callable[[str, Callable[[ModuleType], object]], None]

    class Loadable(Protocol):
        """A pickle with out-of-band data."""

        def load(self, loads: "Callable[..., Any]") -> "Any":
            """Unpickle it. loads: `pickle.loads`, or something like it."""


type Origin = tuple[str, str]
"""How the program was started: ("path" | "module" | "code", which)."""

RUN_NAME = "__mp_main__"
"""`__name__` of the program in a worker: what `multiprocessing` calls it too."""

_OPTIONS_WITH_A_VALUE = "WX"

_unpickling: set[int] = set()  # the threads that are unpickling a call
_last_absence = ""  # the last message about a name that `__main__` does not have
_program: "_Program | None" = None  # in a worker, the program that made the pool

ARRIVAL = "interpexec._sharing.rebuilding", "arrive", 0x1E9EC001
"""The function that brings definitions, by its number in pickles: 0.5 µs less than by its name."""

of_run: "dict[str, object]" = {}
"""In a worker that has run the program: the globals that this has set."""

when_imported: "WhenImported"
"""In a worker: call a function with a module when that is imported, or now if it was before."""

pickling: "Container[int]" = ()
"""The threads that pickle something: `packing` puts its own table here."""

when_run: "list[Callable[[dict[str, object]], object]]" = []
"""Called after the program was run in this worker, with its globals from before."""

# The last module that was asked about, and the answer. (A notebook may put its own
# into the place of the first one. `functools.lru_cache` would be dear for each worker.)
_described: "tuple[ModuleType | None, Origin | None]" = None, None


class NotRunnableError(RuntimeError):
    """The program, or a module, could not be run in a worker as it is.

    The message says what to change, or the cause why.
    """


def can_run_again() -> bool:
    """Say whether everything in `__main__` can be found again by running the program."""
    return describe() is not None and not is_interactive()


def describe() -> Origin | None:
    """Say how this program was started, or None where it cannot be run again."""
    global _described  # noqa: PLW0603  # see there
    if _program is not None:
        return _program.origin
    main = sys.modules.get("__main__")
    known, origin = _described
    if main is not known:
        origin = _describe(main)
        _described = main, origin
    return origin


def _describe(main: "ModuleType | None") -> Origin | None:
    spec = getattr(main, "__spec__", None)
    if spec is not None and spec.name != "__main__":
        return "module", spec.name
    path = getattr(main, "__file__", None)
    if path is not None:  # "<stdin>" is no file
        return None if path.startswith("<") else ("path", path)
    if getattr(main, "__loader__", None) is None or is_interactive():
        return None  # a notebook's, or a prompt's
    code = _command(sys.orig_argv[1:])
    return None if code is None else ("code", code)


def is_interactive() -> bool:
    """Say whether definitions can come from a prompt, also after a script (-i)."""
    return hasattr(sys, "ps1") or bool(sys.flags.interactive)


def _command(arguments: list[str]) -> str | None:
    """Return the code given with `-c`, reading the options as CPython does."""
    rest = iter(arguments)
    for argument in rest:
        if argument == "--check-hash-based-pycs":
            next(rest, None)
        if not argument.startswith("-") or argument == "-":
            return None
        if argument.startswith("--"):
            continue
        for position, letter in enumerate(argument[1:], 2):
            if letter == "c":
                return argument[position:] or next(rest, None)
            if letter == "m":
                return None
            if letter in _OPTIONS_WITH_A_VALUE:
                if not argument[position:]:
                    next(rest, None)
                break
    return None


def expect(origin: Origin | None, when: "WhenImported") -> None:
    """Make this interpreter's `__main__` run the program when it is asked for a name.

    Called once, in a worker, before its first call. when: becomes `when_imported`.
    """
    global _program, when_imported  # noqa: PLW0603  # one program per interpreter
    when_imported = when
    copyreg.add_extension(*ARRIVAL)
    main = sys.modules["__main__"]
    for name in [name for name in vars(main) if not name.startswith("__")]:
        del vars(main)[name]  # the names of what has started this worker are the program's
    _program = _Program(origin, main)


class _Program:
    """The program as a worker knows it: run when a name in it is first asked for."""

    def __init__(self, origin: Origin | None, placeholder: "ModuleType") -> None:
        """Let the placeholder ask for names that it does not have."""
        self.origin = origin
        self.main: ModuleType | None = None
        self._failure: BaseException | None = None
        self._line = 0  # of the program, that has failed
        # Two threads of a worker may come at once: for a call, and for one that is
        # broadcast. Re-entrant, because the program may ask for itself.
        self._lock = RLock()
        self._appear_as(placeholder)
        self._placeholder = placeholder
        placeholder.__dict__["__getattr__"] = self.find

    @staticmethod
    def _appear_as(module: "ModuleType") -> None:
        """Be this module, under both names.

        The workers of a pool that was made in a worker ask for the second one: the
        program's functions come from there.
        """
        sys.modules["__main__"] = sys.modules[RUN_NAME] = module

    def find(self, name: str) -> object:
        """Return what the program calls `name`: the placeholder's `__getattr__`."""
        if name.startswith("__") and name.endswith("__"):
            if name == "__file__" and sys._getframe(1).f_globals.get("__name__") == "inspect":  # noqa: SLF001  # documented
                from interpexec._core import known_source  # few calls ask for source

                return known_source.file_of(self.origin)
            # Asked of every module, meant of none.
            message = f"module '__main__' has no attribute {name!r}"
            raise AttributeError(message)
        if self.origin is None:
            raise _absent(name, _HINT_INTERACTIVE)
        if self.main is None and get_ident() in pickling:
            # It asks whether a receiver would find a result's class: that is no reason to run.
            raise _absent(name, _HINT_GUARDED)
        main = self._run_once(self.origin)
        try:
            return vars(main)[name]
        except KeyError:
            raise _absent(name, _HINT_GUARDED) from None

    def run(self) -> None:
        """Run the program, if that can be done and was not."""
        if self.origin is not None:
            self._run_once(self.origin)

    def _run_once(self, origin: Origin) -> "ModuleType":
        """Run the program if it was not run yet.

        Once only, also when it fails: what it did before it failed would be
        done again by each call.
        """
        with self._lock:
            if self.main is None and self._failure is None:
                before = dict(vars(self._placeholder))
                try:
                    with _Unpickling():  # also where no call asks: it must start no work
                        self._run(origin, before)
                except BaseException as error:  # kept for later calls, too
                    self._failure, self._line = error, self._line_of(error.__traceback__)
                    vars(self._placeholder).clear()
                    vars(self._placeholder).update(before)
        if self.main is None:
            raise self._not_run(origin) from self._reason_to_show()
        return self.main

    def _not_run(self, origin: Origin) -> NotRunnableError:
        """Return the error for a call that needs the program: why it does, and what to change."""
        message = _NOT_RUN.format(origin=origin[1][:60])
        reason = reasons.get(get_ident())
        if reason:
            message += f": {reason}"
        if isinstance(self._failure, NotRunnableError) and self._line:
            message += f". The program starts work in line {self._line}: {_HINT_START}"
        return NotRunnableError(message)

    def _reason_to_show(self) -> BaseException | None:
        """Return the cause for the error; None where its message says all."""
        is_told = isinstance(self._failure, NotRunnableError) and self._line
        return None if is_told else self._failure

    def _line_of(self, trace: "TracebackType | None") -> int:
        """Return the line of the program that has failed, or 0."""
        while trace is not None:
            if trace.tb_frame.f_globals is vars(self._placeholder):
                return trace.tb_lineno
            trace = trace.tb_next
        return 0

    def _run(self, origin: Origin, before: "dict[str, object]") -> None:
        """Run the program under `RUN_NAME`, over the definitions that have come already."""
        main = self._placeholder
        main.__name__ = RUN_NAME
        code = _prepare(main, origin)
        exec(code, main.__dict__)  # noqa: S102  # the user's own program
        self.main = main
        now = vars(main).items()
        of_run.update((name, value) for name, value in now if before.get(name, now) is not value)
        for step in when_run:
            step(before)


class _Unpickling:
    """Has the calling thread count as one that unpickles a call."""

    def __enter__(self) -> None:
        self._was_before = get_ident() in _unpickling
        _unpickling.add(get_ident())

    def __exit__(self, *_: object) -> None:
        if not self._was_before:
            _unpickling.discard(get_ident())


reasons: dict[int, str] = {}  # by thread: why the program is run again


def run_for(reason: str) -> None:
    """Run the program if it was not, so that all that a call names is of that. In a worker.

    reason: why the call needs it.
    """
    reasons[get_ident()] = reason
    if _program is not None:
        _program.run()


def find_in_program(path: str) -> object:
    """Return a global of the program, or an attribute of one: in a worker, as it was run there."""
    first, *others = path.split(".")
    if _program is not None and first not in of_run:
        raise _absent(first, _HINT_GUARDED)
    found = getattr(sys.modules["__main__"], first)
    for name in others:
        found = getattr(found, name)
    return found


def _absent(name: str, hint: str) -> AttributeError:
    """Return the error for a name that the program does not have in a worker."""
    global _last_absence  # noqa: PLW0603  # see there
    _last_absence = f"module '__main__' has no attribute {name!r} in a worker: {hint}"
    return AttributeError(_last_absence)


def explain_absence(message: str) -> str:
    """Return the message to show instead of pickle's own about an absent name.

    Up to 3.13 pickle replaces the error by one of its own; and once the program
    was run, it is the program's module that lacks the name.
    """
    if "'__main__'" in message:
        return _last_absence or message
    return f"{message}: {_HINT_GUARDED}" if RUN_NAME in message else message


_HINT_INTERACTIVE = "what was typed at a prompt cannot be defined again there; put it into a module"
_HINT_GUARDED = 'define it outside of `if __name__ == "__main__":`, at the top level of the program'
_HINT_START = 'put that into a function, or under `if __name__ == "__main__":`'
_NOT_RUN = (
    "the program ({origin}) could not be run again in a worker, and the call needs what it defines"
)


def loads(payload: "bytes | Loadable") -> "Any":
    """Unpickle a call, in a worker: that may import modules, or run the program."""
    thread = get_ident()
    if reasons:
        reasons.pop(thread, None)
    _unpickling.add(thread)
    try:
        if type(payload) is bytes:
            return _unpickle(payload)
        return payload.load(_unpickle)  # type: ignore[union-attr]
    finally:
        _unpickling.discard(thread)


def refuse_while_unpickling() -> None:
    """Raise NotRunnableError where a worker unpickles a call, and so imports or runs a module.

    Else a program, or a module, that starts work when it is run would start
    workers in its workers for ever.
    """
    if get_ident() in _unpickling:
        raise NotRunnableError(
            "a worker imports a module, or runs the program again, to find what a call"
            " needs, and that submitted a call itself. Put what starts the work into a"
            ' function, or under\n    if __name__ == "__main__":'
        )


def is_worker() -> bool:
    """Say whether this is a worker's interpreter."""
    return _program is not None


def was_run() -> bool:
    """Say whether this is a worker that has run the program."""
    return _program is not None and _program.main is not None


def _prepare(main: "ModuleType", origin: Origin) -> "CodeType":
    """Return the program's code, and give `main` the attributes it was run with."""
    kind, which = origin
    if kind != "module":
        # A loader and a spec that say nothing make 3.15 warn in every traceback.
        del main.__loader__, main.__spec__
    if kind == "code":
        return compile(which, "<string>", "exec")
    if kind == "path":
        main.__file__ = which
        return _code_of_file(which)
    from importlib.util import find_spec  # as in `_run`

    spec = find_spec(which)
    if spec is None or spec.loader is None:
        message = f"no module named {which!r}"
        raise ImportError(message, name=which)
    main.__spec__, main.__package__, main.__file__ = spec, spec.parent, spec.origin
    main.__loader__ = spec.loader
    return spec.loader.get_code(which)  # type: ignore[attr-defined,no-any-return]


def _code_of_file(path: str) -> "CodeType":
    """Compile a script; take the code out of a compiled one, a directory or an archive."""
    if path.endswith((".pyc", ".pyo")):
        from importlib.machinery import SourcelessFileLoader  # as in `_run`

        loader = SourcelessFileLoader(RUN_NAME, path)
        return loader.get_code(RUN_NAME)  # type: ignore[return-value]
    if os.path.isfile(path):  # noqa: PTH113  # pathlib is dear to import
        with _io.open_code(os.path.abspath(path)) as file:  # noqa: PTH100  # pathlib is dear
            return compile(file.read(), path, "exec")
    # `python archive.zip`: __file__ is inside, where only its importer can read.
    from pkgutil import get_importer  # as in `_run`

    importer = get_importer(os.path.dirname(path))  # noqa: PTH120  # pathlib is dear to import
    return importer.get_code("__main__")  # type: ignore[union-attr,no-any-return]
