"""Whether calls have damaged the interpreter that runs them. In the worker.

A call may do anything to its interpreter. The worker itself keeps references of its own to
all that it needs; but the next call, or the unpickling of it, needs an interpreter that is whole.
So a worker checks, when it has nothing else to do and when a call has failed, the objects
that no program replaces in good faith; and where they are damaged it leaves, for a fresh one.

    is_sound      nothing is missing that every program needs
    is_unchanged  nothing is different that has to do with finding modules, or unpickling

Where a call cannot be unpickled, and not all is unchanged, another worker may be able to.
"""

import builtins
import sys
from _operator import itemgetter
from _pickle import dumps
from _pickle import loads as _unpickle

from interpexec._core.cpython import own_builtins
from interpexec._worker.threads import Import

own_builtins(globals())

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

# Programs do replace these, by something that can be called.
_REPLACED = frozenset(
    {
        *("__import__", "__build_class__", "open", "print", "input", "breakpoint"),
        *("help", "exit", "quit", "copyright", "credits", "license", "_"),
    }
)

_SYS = "modules", "flags", "path_importer_cache", "__stdout__", "__stderr__"
_LISTS = "path", "meta_path", "path_hooks"
_STREAMS = "stdin", "stdout", "stderr"


# Part of Python itself, or of this package: this is imported before any code of the user's.
_NAMES = [
    name for name, module in sys.modules.items() if name != "__main__" and type(module) is type(sys)
]


class Health:
    """The state of an interpreter before its first call, to compare with."""

    def __init__(self) -> None:
        """Look at it now."""
        self._sys, self._builtins = vars(sys), vars(builtins)
        self._get_module, self._audit = sys.modules.get, sys.audit
        # C functions that look many names up at once.
        self._get_known = itemgetter(*(name for name in self._builtins if name not in _REPLACED))
        self._known = self._get_known(self._builtins)
        self._get_modules = itemgetter(*(name for name in _NAMES if name in sys.modules))
        self._modules = self._get_modules(sys.modules)
        self._get_own = itemgetter(*(name for name in _SYS if name in self._sys))
        self._own = self._get_own(self._sys)
        self._spaces = [vars(module) for module in self._modules if type(module) is type(sys)]
        self._least = self._sizes = [*map(len, self._spaces)]
        self._limit, self._get_limit = sys.getrecursionlimit(), sys.getrecursionlimit
        self._interval, self._get_interval = sys.getswitchinterval(), sys.getswitchinterval
        self._streams = [name for name in _STREAMS if self._sys.get(name) is not None]
        self._lists, self._contents = self._copies(), self._copy_contents()
        # An initializer may have left it in such a state on purpose.
        self._is_known = self._has_all()

    def is_sound(self) -> bool:
        """Say whether nothing is missing that every program needs. Takes some microseconds."""
        try:
            return self._has_all() or not self._is_known
        except BaseException:  # of an object that a call has put in the place of another
            return False

    def is_unchanged(self) -> bool:
        """Say whether modules are found, and calls unpickled, as they were at first.

        To import modules is no change. It takes some hundred microseconds.
        """
        try:
            for event in _EVENTS:
                self._audit(event, *_NO_ARGUMENTS)  # a hook may object
            is_same = self._contents == self._copy_contents() and self._finds_as_before()
            is_same = is_same and None not in self._sys["modules"].values()
            return is_same and self.is_sound() and _unpickle(_PROBE) is own_builtins
        except BaseException:  # of an object that a call has put in the place of another
            return False

    def _has_all(self) -> bool:
        if self._get_own(self._sys) != self._own:
            return False
        if self._get_modules(self._sys["modules"]) != self._modules:
            return False
        sizes = [*map(len, self._spaces)]
        if sizes != self._sizes:
            if any(map(_is_less, sizes, self._least)):
                return False
            self._sizes = sizes  # something was added
        if self._get_known(self._builtins) != self._known:
            return False
        if self._get_limit() < self._limit or self._get_interval() > self._interval:
            return False
        return self._can_import() and self._has_streams()

    def _can_import(self) -> bool:
        for name in _LISTS:
            value = self._sys[name]
            if type(value) is not list or not value:
                return False
        return callable(self._builtins["__import__"]) and callable(self._builtins["open"])

    def _has_streams(self) -> bool:
        """Say whether there is something to print to."""
        for name in self._streams:
            stream = self._sys[name]
            if stream is None or (type(stream) is _TEXT and stream.closed):
                return False
        return True

    def _finds_as_before(self) -> bool:
        """Say whether modules are looked for where they were; many programs add to the path."""
        (path, *finders), (path_now, *finders_now) = self._lists, self._copies()
        return finders == finders_now and all(entry in path_now for entry in path)

    def _copies(self) -> "list[list[object]]":
        # Our own finder comes and goes by itself.
        return [[each for each in self._sys[name] if type(each) is not Import] for name in _LISTS]

    def _copy_contents(self) -> "list[dict[str, object]]":
        contents = [dict(vars(module)) for module in map(self._get_module, _ESSENTIAL) if module]
        for content in contents[:2]:  # `importlib` gives them other names
            for name in ("__name__", "__file__", "__package__", "__spec__", "__loader__"):
                content.pop(name, None)
        return contents


# These find and load modules, and unpickle.
_ESSENTIAL = (
    *("_frozen_importlib", "_frozen_importlib_external", "_imp", "marshal", "builtins"),
    *("_pickle", "copyreg", "_compat_pickle", "_io", "os", "posix", "nt", "_thread", "time"),
)

# The events that audit hooks see meanwhile.
_EVENTS = "import", "open", "compile", "exec", "marshal.loads", "os.listdir", "pickle.find_class"
_NO_ARGUMENTS = "", None, None, None, None

_is_less = int.__lt__
_TEXT: "Any" = type(sys.__stdout__)
_PROBE = dumps(own_builtins, 5)
