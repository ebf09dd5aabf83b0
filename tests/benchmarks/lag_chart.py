"""The chart of an event loop's lag, as SVG: a row for each executor, on a log scale."""

import math
from collections.abc import Mapping
from xml.etree import ElementTree as ET

from benchmarks.chart import BAR, BOTTOM, ROW, TOP, WIDTH, Scale, paper, shape, text, written
from benchmarks.lag import Lag
from benchmarks.report import number


def chart(rows: Mapping[str, Lag], where: str) -> str:
    """Return the chart as the text of an SVG file."""
    svg = paper(TOP + ROW * len(rows) + BOTTOM, f"How late an event loop is under load, {where}")
    text(svg, 16, 28, "How late an event loop is while two workers render pages", "title")
    text(svg, 16, 48, f"{where}. Log scale, left is better.", "faint")
    text(svg, 16, 68, "Bar: from p50 to p99; line: to the latest. Figures: p99.", "faint")
    scale = scale_of(rows)
    axis(svg, scale, len(rows))
    for index, (name, lag) in enumerate(rows.items()):
        draw(svg, name, lag, scale, TOP + ROW * index + ROW // 2)
    return written(svg)


def scale_of(rows: Mapping[str, Lag]) -> Scale:
    """Return a scale, in ms, that has room for all."""
    ends = [end for lag in rows.values() for end in (lag.p50, lag.latest)] or [1.0]
    low, high = (math.log10(max(end, 1e-3)) for end in (min(ends), max(ends)))
    return Scale(math.floor(low), max(math.ceil(high), math.floor(low) + 1))


def axis(svg: ET.Element, scale: Scale, rows: int) -> None:
    """Draw the lines of the powers of ten."""
    bottom = TOP + ROW * rows
    for exponent in range(scale.low, scale.high + 1):
        x = scale.x(10**exponent)
        shape(svg, "line", "grid", x1=x, y1=TOP - 6, x2=x, y2=bottom + 6)
        text(svg, x, bottom + 24, f"{10**exponent:,g} ms", "faint middle")


def draw(svg: ET.Element, name: str, lag: Lag, scale: Scale, y: int) -> None:
    """Draw a row: its name, the bar, the line, the figures."""
    p50, p99, latest = (scale.x(max(each, 1e-3)) for each in (lag.p50, lag.p99, lag.latest))
    text(svg, 16, y + 4, name)
    shape(svg, "line", "one", x1=p99, y1=y, x2=latest, y2=y)
    shape(svg, "line", "one", x1=latest, y1=y - 4, x2=latest, y2=y + 4)
    width = max(round(p99 - p50, 1), 1.0)
    bar = shape(svg, "rect", "bar", x=p50, y=y - BAR // 2, width=width, height=BAR)
    times = ", ".join(number(each) for each in (lag.p50, lag.p95, lag.p99, lag.latest))
    ET.SubElement(bar, "title").text = f"{name}: p50, p95, p99, latest: {times} ms"
    text(svg, WIDTH - 16, y + 4, f"{number(lag.p99)} ms", "end")
