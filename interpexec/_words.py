"""Objects in error messages: named, and cut short. Imported when something is wrong."""

from interpexec._runtime import own_builtins
from interpexec.errors import TaskCancelled

own_builtins(globals())


def shown(obj: object) -> str:
    """Return the object's repr, cut short; its type alone when the repr raises."""
    name = type(obj).__qualname__
    try:
        text = _short_repr(obj)
    except TaskCancelled:
        raise  # this call is stopped, just here
    except BaseException:  # the user's __repr__; or a call has emptied `sys.path`
        return f"<{name} object>"
    return text if name in text or isinstance(obj, _PLAIN) else f"{text} of type {name}"


_PLAIN = (type(None), bool, int, float, complex, str, bytes, list, tuple, dict, set, frozenset)


def _short_repr(obj: object) -> str:
    import reprlib  # not what a worker needs to say how a call failed

    short = reprlib.Repr()
    short.maxstring = short.maxother = short.maxlong = 80
    return short.repr(obj)


def told(error: BaseException, *, with_class: bool = True) -> str:
    """Return the exception's class and message, whatever its `__str__` does."""
    name = type(error).__name__
    try:
        text = str.__str__(str(error))  # exactly a str, and no subclass
    except TaskCancelled:
        raise  # as above
    except BaseException:  # the user's __str__
        text = "<exception str() failed>"
    if not with_class:
        return text
    return f"{name}: {text}" if text else name
