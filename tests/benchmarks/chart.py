"""The chart: how many times as good as the stdlib class, as SVG.

A row per case that both have been measured in. The bar is ours, from the line of 1, on a log
scale: to the right is better, for times as for rates. The marks are the other contenders.
Colours follow the reader's light or dark mode; shapes tell the marks apart without colours.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from xml.etree import ElementTree as ET

from benchmarks.cases.case import Case
from benchmarks.contenders import (
    ANYIO,
    FLOOR,
    JOBLIB,
    LOKY,
    MPIRE,
    OURS,
    PEBBLE,
    POOL,
    PROCESSES,
    STDLIB,
    THREADS,
)
from benchmarks.record import Record
from benchmarks.report import number
from benchmarks.setting import title
from benchmarks.summary import Readings, ratio, values_of

WIDTH = 960
LEFT = 390  # where the scale begins, after the names
RIGHT = 870  # where it ends, before the figures
TOP = 96
ROW = 24
BAR = 12
BOTTOM = 44
LEGEND_STEP = 90
LEGEND_START = 150

STYLE = """\
svg { color-scheme: light dark; font: 13px system-ui, sans-serif; }
.paper { fill: #ffffff; } text { fill: #1f2328; } .faint { fill: #59636e; }
.grid { stroke: #d1d9e0; } .one { stroke: #1f2328; stroke-width: 1.5; }
.bar { fill: #0969da; } .mark { fill: none; stroke-width: 1.8; }
.title { font-size: 16px; font-weight: 600; }
.middle { text-anchor: middle; } .end { text-anchor: end; }
@media (prefers-color-scheme: dark) {
.paper { fill: #0d1117; } text { fill: #f0f6fc; } .faint { fill: #9198a1; }
.grid { stroke: #3d444d; } .one { stroke: #f0f6fc; }
.bar { fill: #4493f8; }
}
"""

MARKS = {
    THREADS: ("M-5 0A5 5 0 1 0 5 0A5 5 0 1 0 -5 0Z", "#2da44e"),  # circle
    PROCESSES: ("M-4.5 -4.5H4.5V4.5H-4.5Z", "#e16f24"),  # square
    POOL: ("M0 -6L6 0L0 6L-6 0Z", "#e5534b"),  # diamond
    LOKY: ("M0 -5.5L5.5 4.5H-5.5Z", "#a371f7"),  # triangle
    MPIRE: ("M-4.5 0L0 -6L4.5 0", "#6e9bd1"),  # roof
    JOBLIB: ("M-4.5 -4.5L4.5 4.5M-4.5 4.5L4.5 -4.5", "#d64f9b"),  # cross
    ANYIO: ("M0 -6V6M-6 0H6", "#1b9e9e"),  # plus
    PEBBLE: ("M0 5.5L5.5 -4.5H-5.5Z", "#a08a00"),  # triangle on its tip
    FLOOR: ("M0 -9V9", "#808890"),  # a stroke: that far, and no farther
}
"""A shape and a colour for each that can be told from both papers."""


@dataclass(frozen=True, slots=True)
class Row:
    """A case, and how many times as good as the stdlib class everybody is in it."""

    case: Case
    times: dict[str, float]


@dataclass(frozen=True, slots=True)
class Scale:
    """The log scale between two powers of ten."""

    low: int
    high: int

    def x(self, times: float) -> float:
        """Return where *times* stands."""
        share = (math.log10(times) - self.low) / (self.high - self.low)
        return round(LEFT + share * (RIGHT - LEFT), 1)


def chart(record: Record) -> str:
    """Return the chart as the text of an SVG file."""
    rows = chart_rows(record)
    names = [name for name in MARKS if any(name in row.times for row in rows)]
    height = TOP + ROW * len(rows) + BOTTOM
    svg = paper(height, f"interpexec against the stdlib, {title(record.setting)}")
    head(svg, title(record.setting), names)
    axis(svg, scale_of(rows), len(rows))
    for index, row in enumerate(rows):
        draw(svg, row, scale_of(rows), TOP + ROW * index + ROW // 2)
    return written(svg)


def paper(height: int, about: str) -> ET.Element:
    """Return an empty chart; *about* is what a reader hears who does not see it."""
    svg = ET.Element("svg", xmlns="http://www.w3.org/2000/svg", viewBox=f"0 0 {WIDTH} {height}")
    svg.set("role", "img")
    ET.SubElement(svg, "title").text = about
    ET.SubElement(svg, "style").text = STYLE
    shape(svg, "rect", "paper", width=WIDTH, height=height)
    return svg


def written(svg: ET.Element) -> str:
    """Return the text of an SVG file."""
    ET.indent(svg, " ")
    return ET.tostring(svg, "unicode") + "\n"


def chart_rows(record: Record) -> list[Row]:
    """Return the rows: cases in which there is something to compare."""
    rows = (Row(case, times_as_good(record, case)) for case in record.cases)
    return [row for row in rows if OURS in row.times]


def times_as_good(record: Record, case: Case) -> dict[str, float]:
    """Return how many times as good as the stdlib class everybody else is in a case."""
    names = [name for name in record.contenders if name != STDLIB]
    quotients = {name: quotient(record.rounds.readings, case, name) for name in names}
    return {name: case.goodness(value) for name, value in quotients.items() if value}


def quotient(readings: Readings, case: Case, name: str) -> float | None:
    """Return the ratio of a contender to the stdlib class, if there is one."""
    reference = values_of(readings, case.name, STDLIB)
    both = ratio(values_of(readings, case.name, name), reference)
    return both.median if both else None


def scale_of(rows: Sequence[Row]) -> Scale:
    """Return a scale that has room for everybody."""
    exponents = [math.log10(times) for row in rows for times in row.times.values()] or [0.0]
    return Scale(min(math.floor(min(exponents)), -1), max(math.ceil(max(exponents)), 1))


def head(svg: ET.Element, where: str, names: Sequence[str]) -> None:
    """Draw the title and the legend."""
    text(svg, 16, 28, "interpexec against the stdlib's InterpreterPoolExecutor", "title")
    text(svg, 16, 48, f"{where}. Times as good; log scale, right is better.", "faint")
    shape(svg, "rect", "bar", x=16, y=62, width=20, height=BAR)
    text(svg, 42, 73, OURS)
    for index, name in enumerate(names):
        x = LEGEND_START + LEGEND_STEP * index
        mark(svg, name, x - 14, 68)
        text(svg, x, 73, name)


def axis(svg: ET.Element, scale: Scale, rows: int) -> None:
    """Draw the lines of the powers of ten, and that of 1."""
    bottom = TOP + ROW * rows
    for exponent in range(scale.low, scale.high + 1):
        x = scale.x(10**exponent)
        kind = "grid" if exponent else "one"
        shape(svg, "line", kind, x1=x, y1=TOP - 6, x2=x, y2=bottom + 6)
        text(svg, x, bottom + 24, f"{10**exponent:,g}×", "faint middle")  # noqa: RUF001


def draw(svg: ET.Element, row: Row, scale: Scale, y: int) -> None:
    """Draw a row: its name, the bar, the marks, the figure."""
    ours, one = scale.x(row.times[OURS]), scale.x(1)
    figure = f"{number(row.times[OURS])}×"  # noqa: RUF001
    text(svg, 16, y + 4, row.case.title)
    bar = shape(
        svg, "rect", "bar", x=min(ours, one), y=y - BAR // 2, width=abs(ours - one), height=BAR
    )
    ET.SubElement(bar, "title").text = f"{OURS}: {figure}"
    for name in (name for name in MARKS if name in row.times):
        drawn = mark(svg, name, scale.x(row.times[name]), y)
        ET.SubElement(drawn, "title").text = f"{name}: {number(row.times[name])}×"  # noqa: RUF001
    text(svg, WIDTH - 16, y + 4, figure, "end")


def mark(svg: ET.Element, name: str, x: float, y: float) -> ET.Element:
    """Add the mark of a contender."""
    path, colour = MARKS[name]
    return shape(svg, "path", "mark", d=path, stroke=colour, transform=f"translate({x} {y})")


def shape(svg: ET.Element, tag: str, kind: str, **attributes: object) -> ET.Element:
    """Add an element of a class."""
    values = {name: str(value) for name, value in attributes.items()}
    return ET.SubElement(svg, tag, {"class": kind, **values})


def text(svg: ET.Element, x: float, y: float, words: str, kind: str = "label") -> None:
    """Add some words."""
    shape(svg, "text", kind, x=x, y=y).text = words
