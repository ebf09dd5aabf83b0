"""A log is read by a regular expression: a line for each item, or a block of lines."""

import random
import re
from collections import Counter
from datetime import datetime

LINES = 40_000
BLOCK = 500
"""Lines of a block: 50 KB."""

REPEATED = 6
"""The log that is cut into blocks is so many times as long."""

REQUEST = re.compile(
    r'(\S+) - (\S+) \[([^\]]+)\] "(?:GET|POST) ([^ ?"]*)\S* [^"]*" (\d+) (\d+) "[^"]*" "([^"]*)"'
)
FAILURE = re.compile(
    r'^\S+ - \S+ \[[^\]]+\] "(?:GET|POST) ([^ ?"]*)\S* [^"]*" (?:4|5)\d\d ', re.MULTILINE
)
AGENT = "Mozilla/5.0 (X11; Linux x86_64)"


def parsed(line: str) -> tuple[float, str, str, int, int] | None:
    """Return when a request came, from where, for what, its status, and the size of the answer."""
    found = REQUEST.match(line)
    if found is None:
        return None
    host, _, when, page, status, size, _ = found.groups()
    seconds = datetime.strptime(when, "%d/%b/%Y:%H:%M:%S %z").timestamp()
    return seconds, host, page, int(status), int(size)


def failures(block: str) -> dict[str, int]:
    """Return how often each page failed in a block of lines."""
    return dict(Counter(FAILURE.findall(block)))


def lines(scale: float, _number: int) -> list[str]:
    """Return the lines of a log; it is the same each time."""
    chance = random.Random(16)
    return [line(number, chance) for number in range(round(LINES * scale))]


def line(number: int, chance: random.Random) -> str:
    """Return a line of a log."""
    host = f"10.0.{number % 7}.{number % 251}"
    page = f"/page/{chance.randrange(300)}?q={number}"
    status = chance.choice((200, 200, 200, 304, 404, 500))
    when = f"30/Nov/2026:10:{number // 60 % 60:02}:{number % 60:02} +0000"
    return f'{host} - - [{when}] "GET {page} HTTP/1.1" {status} {number} "-" "{AGENT}"'


def blocks(scale: float, number: int) -> list[str]:
    """Return the log in blocks."""
    every = lines(scale, number) * REPEATED
    return ["\n".join(every[start : start + BLOCK]) for start in range(0, len(every), BLOCK)]
