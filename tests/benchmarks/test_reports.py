"""The benchmark's record, chart and tables of a run."""

import json
import xml.etree.ElementTree as ET

import pytest

from benchmarks import record
from benchmarks.cases import CASES
from benchmarks.chart import MARKS, chart
from benchmarks.contenders import CONTENDERS, FLOOR, OURS, STDLIB
from benchmarks.record import Record
from benchmarks.rounds import Rounds
from benchmarks.table import table
from measured import FIGURES, SETTING, a_record

pytestmark = pytest.mark.fast


def test_a_record_is_written_and_read() -> None:
    """Nothing is lost on the way; unknown names of another version are left out."""
    text = record.dump(a_record())
    assert record.load(text) == a_record()
    data = json.loads(text)
    data["units"]["spam"] = "eggs"
    data["contenders"].append("spam")
    assert record.load(json.dumps(data)) == a_record()


def words(svg: ET.Element, kind: str) -> list[str]:
    """Return the texts of a class."""
    return [element.text or "" for element in svg.iter() if element.get("class") == kind]


def test_the_chart_shows_how_many_times_as_good() -> None:
    """To the right is better, for times as for rates; incomparable cases are left out."""
    svg = ET.fromstring(chart(a_record()))
    assert svg.tag == "{http://www.w3.org/2000/svg}svg"
    assert words(svg, "end") == ["2.00×", "6.00×"]  # noqa: RUF001
    assert CASES["view"].title not in words(svg, "label")
    bars = [element for element in svg.iter() if element.get("class") == "bar"][1:]
    lines = [element for element in svg.iter() if element.get("class") == "one"]
    assert {bar.get("x") for bar in bars} == {lines[0].get("x1")}


def test_everybody_has_a_mark() -> None:
    """Each contender has a mark, but the two that the chart is about."""
    assert set(MARKS) == {*CONTENDERS, FLOOR} - {OURS, STDLIB}


def test_a_chart_of_nothing_is_a_chart() -> None:
    """On 3.13, say, where there is no stdlib class."""
    run = a_record()
    nothing = Record(SETTING, True, run.cases, [OURS], {}, Rounds())
    assert words(ET.fromstring(chart(nothing)), "end") == []


def test_the_tables_have_straight_columns() -> None:
    """Each row has as many cells as its heading, and nothing is without a row."""
    text = table(a_record())
    figures, targets = (block.splitlines() for block in text.split("\n\n")[1:])
    assert "**" not in text
    assert len({line.count("|") for line in figures}) == 1
    assert len({line.count("|") for line in targets}) == 1
    assert len(figures) == 2 + len(FIGURES)
    assert figures[0] == "| case | unit | interpexec | ÷ stdlib | floor | stdlib | thread |"
    assert "| µs | 55.0 (52.5 … 57.5) | 0.50 | 10.0 | 110 | - |" in text
