"""Warnings of a worker, shown by the caller."""

import warnings

from interpexec._core.cpython import own_builtins

own_builtins(globals())

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TextIO

    from interpexec._worker.outbox import Outbox


def forward_warnings(outbox: "Outbox") -> None:
    """Forward the warnings of this interpreter until the outbox is closed."""
    former = warnings.showwarning

    def show(  # noqa: PLR0913, PLR0917  # as that of `warnings`
        message: "Warning | str",
        category: type[Warning],
        filename: str,
        lineno: int,
        file: "TextIO | None" = None,
        line: str | None = None,
    ) -> None:
        if file is not None:
            former(message, category, filename, lineno, file, line)
            return
        name = category.__module__, category.__qualname__
        outbox.put(("warning", str(message), *name, filename, lineno))

    def close() -> None:
        if warnings.showwarning is show:
            warnings.showwarning = former

    warnings.showwarning = show
    outbox.closers.append(close)
