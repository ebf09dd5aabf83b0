"""Ways to damage an interpreter: `builtins`, and the modules by which it pickles."""
# ruff: noqa: D103  # the name of each function says what it does

import builtins
import sys

from damage.exploding import explode


def builtins_emptied() -> None:
    builtins.__dict__.clear()


def builtins_none() -> None:
    for name in list(vars(builtins)):
        setattr(builtins, name, None)


def builtins_exploding() -> None:
    for name in ("len", "isinstance", "issubclass", "type", "map", "iter", "print", "repr"):
        setattr(builtins, name, explode)
    for name in ("bytes", "str", "int", "list", "dict", "set", "tuple", "range", "getattr"):
        setattr(builtins, name, explode)


def exceptions_replaced() -> None:
    for name in ("BaseException", "Exception", "OSError", "ImportError", "BlockingIOError"):
        setattr(builtins, name, None)


def build_class_deleted() -> None:
    del builtins.__build_class__  # type: ignore[attr-defined]


def pickle_emptied() -> None:
    import pickle

    pickle.__dict__.clear()
    sys.modules["_pickle"].__dict__.clear()


def pickle_exploding() -> None:
    import _pickle

    _pickle.loads = _pickle.dumps = explode  # type: ignore[assignment]
    _pickle.Pickler = _pickle.Unpickler = explode  # type: ignore[misc,assignment]


def copyreg_broken() -> None:
    import copyreg

    copyreg.__dict__.clear()


def dispatch_table_exploding() -> None:
    import copyreg

    for kind in (int, str, tuple, set, dict, list, type, type(len), type(explode)):
        copyreg.pickle(kind, explode)  # type: ignore[arg-type]


def dispatch_table_none() -> None:
    import copyreg

    copyreg.dispatch_table = None  # type: ignore[assignment]


def compat_pickle_broken() -> None:
    import _compat_pickle

    _compat_pickle.__dict__.clear()
