"""Scan a large log by a regular expression: all workers read the same memory."""

import re
from collections import Counter

from comparing import compare

LINE = b'10.0.%d.%d - - [30/Nov/2026:10:00:%02d] "GET /page/%d HTTP/1.1" %d %d\n'
LOG = b"".join(
    LINE % (n % 7, n % 251, n % 60, n % 977, (200, 404, 500)[n % 11 % 3], n) for n in range(500_000)
)
SLOW = re.compile(rb'^(\S+) - - \[[^\]]+\] "GET (\S+) [^"]*" (?:4|5)\d\d (\d+)$', re.MULTILINE)


def failures(view, start, stop):
    """Count the failures in the lines that begin in a part of the log."""
    text = bytes(view[start:stop])
    return Counter(match[1].decode() for match in SLOW.finditer(text))


def parts(count):
    """Cut the log into parts, at ends of lines."""
    ends = [LOG.find(b"\n", len(LOG) * n // count) + 1 for n in range(1, count)]
    return list(zip([0, *ends], [*ends, len(LOG)], strict=True))


def at_once(pool):
    view = memoryview(LOG)
    calls = [pool.submit(failures, view, *part) for part in parts(8)]
    return sum((call.result() for call in calls), Counter())


compare(f"{len(LOG) >> 20} MiB of a log", lambda: failures(LOG, 0, len(LOG)), at_once)
