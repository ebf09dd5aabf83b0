"""Context variables of a module that workers import, and calls that use them."""

from contextvars import ContextVar

request: ContextVar[object] = ContextVar("request", default="none")
user: ContextVar[object] = ContextVar("user")


def get_request() -> object:
    """Return the value of the variable."""
    return request.get()


def get_request_for(_item: object) -> object:
    """Return the value of the variable, for an item of a map."""
    return request.get()


def set_request(value: object) -> object:
    """Return the value of the variable, and set another one."""
    before = request.get()
    request.set(value)
    return before


def fail_for(request_is: object) -> None:
    """Raise an error that shows the value of the variable."""
    raise ValueError(request.get(), request_is)


def get_user() -> object:
    """Return the value of a variable without a default."""
    return user.get("nobody")


def set_user(value: object) -> None:
    """Set the variable: as an initializer, for all calls of the worker."""
    user.set(value)
