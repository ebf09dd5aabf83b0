"""Source lines for a worker's traceback, of code that is in no file.

A worker does not have the source of what was typed at a prompt, given with `-c`, run in a
notebook's cell, or made by `exec`. The caller's side does, as far as it has it itself.

    worker             places_of(error)    where in such code it was, with the traceback as text
    main interpreter   with_lines(text)    the text, with the lines
"""

from itertools import islice

from interpexec._core import known_source

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType, TracebackType
    from typing import Any

    type Place = tuple[str, str, int, int | None, int | None, int | None]
    """The code's file, qualified name and first line; the last line, the first and the last
    column."""

    type Places = dict[tuple[str, int, str], Place]
    """By file, line and name, as a traceback has them."""


def places_of(error: BaseException) -> "Places":
    """Return the places in tracebacks of an error whose source is not here."""
    return {
        (_shown(frame.f_code.co_filename), line, frame.f_code.co_name): place
        for frame, line, place in _all_places(error)
        if not known_source.lines_of(known_source.key_of(frame.f_code), frame.f_globals)[0]
    }


def _all_places(error: BaseException) -> "Iterator[tuple[FrameType, int, Place]]":
    waiting: list[BaseException | None] = [error]
    seen: set[int] = set()
    while waiting:
        link = waiting.pop()
        if link is None or id(link) in seen:
            continue
        seen.add(id(link))
        waiting += [link.__cause__, link.__context__]
        if isinstance(link, BaseExceptionGroup):
            waiting += link.exceptions
        trace = link.__traceback__
        while trace is not None:
            yield trace.tb_frame, trace.tb_lineno, _place(trace)
            trace = trace.tb_next


def _place(trace: "TracebackType") -> "Place":
    code = trace.tb_frame.f_code
    positions = next(islice(code.co_positions(), trace.tb_lasti // 2, None), (None,) * 4)
    return code.co_filename, code.co_qualname, code.co_firstlineno, *positions[1:]


def _shown(file: str) -> str:
    """Return how Python shows the name of a file: that of a typed statement without its number."""
    # "<stdin>-3" on 3.13.0, "<stdin-3>" later
    return "<stdin>" if file.startswith(("<stdin-", "<stdin>-")) else file


def with_lines(text: str, places: "Places") -> str:
    """Return a traceback with the source lines that this side has."""
    import re  # of a traceback, on the caller's side

    found = []
    for line in text.split("\n"):
        found.append(line)
        head = re.fullmatch(r'(.*?)  File "(.*)", line ([0-9]+), in (.*)', line)
        if head is not None:
            prefix, file, number, name = head.groups()
            place = places.get((file, int(number), name))
            if place is not None:
                found += [prefix + each for each in _lines_at(place, int(number), name)]
    return "\n".join(found)


def _lines_at(place: "Place", line: int, name: str) -> list[str]:
    """Return the source lines of a place, marked as Python marks them; none if they are unknown."""
    from traceback import FrameSummary, StackSummary  # of a traceback, on the caller's side

    file, qualname, first, last, begin, end = place
    lines = known_source.lines_here((file, qualname, first))[line - 1 : last or line]
    if not lines:
        return []
    columns: dict[str, Any] = {"end_lineno": last, "colno": begin, "end_colno": end}
    summary = FrameSummary(file, line, name, line="".join(lines), **columns)
    return StackSummary().format_frame_summary(summary).splitlines()[1:]
