"""The benchmark of an event loop's lag runs, and its parts say what they should."""

import asyncio
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from benchmarks import lag_report
from benchmarks.lag import EVERY, IDLE, WAYS, Lag, Ticker, summary
from benchmarks.pages import page, render


@pytest.mark.slow
def test_each_executor_has_its_row(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """In the table and in the chart; or a line that says why it is left out."""
    chart = tmp_path / "lag.svg"
    assert lag_report.main(["--quick", "--seconds", "0.1", "--chart", str(chart)]) == 0
    out = capsys.readouterr().out
    texts = {element.text for element in ET.fromstring(chart.read_text()).iter()}
    for name in (IDLE, *WAYS):
        is_out = f"left out: {name} (" in out
        assert (f"| {name} |" in out, name in texts) == (not is_out, not is_out)


@pytest.mark.fast
def test_the_latest_of_all_rounds_is_told() -> None:
    """Of the rest, the medians."""
    lags = [Lag(100, 1, 2, 3, 4), Lag(300, 7, 8, 9, 90), Lag(200, 4, 5, 6, 7)]
    assert lag_report.middle(lags) == Lag(200, 4, 5, 6, 90)
    lines = list(lag_report.table({IDLE: Lag(0, 1, 2, 3, 4), "spam": lags[0]}))
    assert len({each.count("|") for each in lines}) == 1
    assert lines[2] == f"| {IDLE} | - | 1.00 ms | 2.00 ms | 3.00 ms | 4.00 ms |"


@pytest.mark.fast
def test_wake_ups_that_were_missed_count() -> None:
    """A loop that is held up is late for each of them."""
    loop = asyncio.new_event_loop()
    try:
        ticker = Ticker(loop)
        ticker._tick(loop.time() - 3.5 * EVERY)
        ticker.stop()
    finally:
        loop.close()
    first = ticker.delays[0]
    assert len(ticker.delays) == int(first / EVERY) + 1 >= 4
    assert summary(0.0, ticker.delays).latest == first * 1e3


@pytest.mark.fast
def test_a_page_is_rendered() -> None:
    """The workers have real work, with a result."""
    html = render(page(2))
    assert html.count("<h2>") == html.count("<ul>") == 2
    assert '<a href="page/1">link</a>' in html
    assert "<code>code &lt; 1</code>" in html
