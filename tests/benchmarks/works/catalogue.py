"""The catalogue: each kind of work by its name.

Its parts are named here, and not imported, since a library may not be installed; and the modules
of the kinds import nothing of this, which their workers would have to import, too.
"""

import importlib
from collections.abc import Callable, Sequence
from typing import NamedTuple

from benchmarks.missing import MissingError


class Kind(NamedTuple):
    """A kind of work: a pool maps *function* over what *items* returns.

    *items* gets the scale of the run and the number of the pass, for a library that remembers what
    it has done, and has to get something else in the second pass.
    """

    title: str
    module: str
    function: str
    items: str

    def load(self) -> tuple[Callable[..., object], Callable[[float, int], Sequence[object]]]:
        """Return both functions; raise MissingError where a library is not installed."""
        try:
            module = importlib.import_module(f"benchmarks.works.{self.module}")
        except ImportError as error:
            raise MissingError(str(error)) from error
        return getattr(module, self.function), getattr(module, self.items)


WORKS = {
    "pygments": Kind("source files to HTML, by pygments", "highlighting", "page", "paths"),
    "markdown": Kind("pages of Markdown, by markdown", "markdown_pages", "rendered", "pages"),
    "log_lines": Kind("lines of a log, parsed", "log", "parsed", "lines"),
    "log_blocks": Kind("blocks of a log, searched", "log", "failures", "blocks"),
    "sympy": Kind("integrals, by sympy", "algebra", "antiderivative", "problems"),
    "json_lines": Kind("lines of JSON, by a schema", "json_lines", "error_of", "lines"),
    "10us": Kind("items of 10 µs", "synthetic", "exercise", "us_10"),
    "100us": Kind("items of 100 µs", "synthetic", "exercise", "us_100"),
    "1ms": Kind("items of 1 ms", "synthetic", "exercise", "ms_1"),
    "10ms": Kind("items of 10 ms", "synthetic", "exercise", "ms_10"),
}
