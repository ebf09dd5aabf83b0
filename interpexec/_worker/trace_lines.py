"""The lines of a trace about calls, in the trace-event format of Perfetto and Chrome.

Times are in µs there. (The format: "Trace Event Format", Google, 2016.)
"""

from _json import encode_basestring_ascii

from interpexec._core.cpython import own_builtins

own_builtins(globals())

UNKNOWN = -1
"""Stands for a time that is not known."""

_MOST_NAMES = 1000

_SLICE = b'%b%.3f,"dur":%.3f,"args":{%b}},\n'
_CALL = (
    b'%b%.3f,"dur":%.3f,"args":{"call":%d,"waited_ns":%d,"packed_ns":%d,"unpacked_ns":%d,"ran_ns":%d,'
    b'"result_ns":%d,"ended":%b}},\n'
)


def quoted(text: str) -> bytes:
    """Return a text as JSON has it."""
    return encode_basestring_ascii(text).encode()


class Lines:
    """Makes the lines of one row: of a worker, or of the pool itself."""

    def __init__(self, pid: int, tid: int, epoch: int) -> None:
        """pid, tid: the row. epoch: when the trace began, in ns of the monotonic clock."""
        self._row = b',"pid":%d,"tid":%d,"ts":' % (pid, tid)
        self._epoch = epoch
        self._heads: dict[str, bytes] = {}  # of calls, by name

    def slice(self, kind: bytes, name: bytes, begun: int, ended: int, arguments: bytes) -> bytes:
        """Return the line of something that took some time. name: quoted."""
        head = b'{"ph":"X","cat":"%b","name":%b%b' % (kind, name, self._row)
        return _SLICE % (head, (begun - self._epoch) / 1e3, (ended - begun) / 1e3, arguments)

    def call(  # noqa: PLR0913, PLR0917  # all that is told
        self,
        name: str,
        call_id: int,
        begun: int,
        ended: int,
        parts: tuple[int, int, int, int, int],
        end: bytes,
    ) -> bytes:
        """Return the line of a call.

        parts: the ns for which it waited (or UNKNOWN), was packed, unpacked, run, and its value
            packed.
        end: how it ended, as JSON has it, and what else is told.
        """
        head = self._heads.get(name)
        if head is None:
            if len(self._heads) > _MOST_NAMES:
                self._heads.clear()
            head = b'{"ph":"X","cat":"call","name":%b%b' % (quoted(name), self._row)
            self._heads[name] = head
        ts, duration = (begun - self._epoch) / 1e3, (ended - begun) / 1e3
        return _CALL % (head, ts, duration, call_id, *parts, end)

    def shared(  # noqa: PLR0913, PLR0917  # all that is told
        self, name: bytes, count: int, call_id: int, begun: int, ended: int, spent: int
    ) -> bytes:
        """Return the line that short calls share.

        name: quoted. call_id: of the first one. begun: of the first one. ended: of the last one.
        spent: ns in all of them.
        """
        if count > 1:
            name = b'%b (%d calls)"' % (name[:-1], count)
        told = b'"call":%d,"calls":%d,"ended":"value","ran_ns":%d' % (call_id, count, spent)
        return self.slice(b"call", name, begun, ended, told)
