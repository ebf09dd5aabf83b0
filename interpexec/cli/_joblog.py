"""`--joblog`: a record of each item that is done, from which a later run goes on.

A record is written when its results are on their way, so a run that is killed at any moment has
written results without a record, and never a record without results. Where stdout is a file, each
record says where in it the item's results end: `--resume` cuts off what stands behind the last
one. So each item has its results once.

    {"interpexec": "map", "target": …, "output": [device, inode], "end": 0}     a run begins
    {"seq": 1, "item": …, "start": …, "seconds": …, "exit": 0, "error": null, "end": 120}

A file whose name ends with .tsv gets the columns of GNU parallel in place of that; then nothing is
cut off.
"""

import os
from stat import S_ISREG
from time import time

from interpexec.cli._errors import UsageError
from interpexec.cli._failures import summarize

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from interpexec import Outcome
    from interpexec.cli._items import Blocks

SHOWN_ITEM = 200
"""Characters of an item that are logged. By them a later run sees that the items are the same."""

_COLUMNS = "Seq\tHost\tStarttime\tJobRuntime\tSend\tReceive\tExitval\tSignal\tCommand\n"


class Log:
    """The file of `--joblog`, as it is written. Raises UsageError where that fails."""

    def __init__(self, path: str, target: str, stdout: int | None, *, goes_on: bool) -> None:
        """stdout: its descriptor, if it has one. goes_on: append to what is there."""
        self._path = path
        self._target = target
        self._is_tsv = path.endswith(".tsv")
        self.done: dict[int, str] = {}
        """The items that need not be done again, by their number from 1."""
        self.failed: set[int] = set()
        """The numbers of items that have failed, among them."""
        self._output, self._end = _position(stdout)
        self._lines: list[str] = []
        before = self._read() if goes_on else None
        if before is not None:
            self._take_up(before, stdout)
        try:
            mode = "ab" if goes_on else "wb"
            self._file = open(path, mode, buffering=0)  # noqa: SIM115, PTH123  # until the run ends; pathlib is slow to import
        except OSError as error:
            message = f"cannot write the log: {error}"
            raise UsageError(message) from error
        try:
            if before is not None:
                self._file.truncate(len(before))  # a record may have been cut off
            self._begin(is_new=not before)
        except BaseException:
            self.close()
            raise

    def note(self, number: int, item: str, outcome: "Outcome[Any, Any]", size: int) -> None:
        """Note what became of an item. size: bytes of its results."""
        self._end += size
        seconds, error = outcome.seconds or 0.0, outcome.error
        start, status = time() - seconds, int(error is not None)
        shown = item[:SHOWN_ITEM]
        if self._is_tsv:
            shown = shown.replace("\t", " ").replace("\n", " ")
            line = f"{number}\t:\t{start:.3f}\t{seconds:.3f}\t0\t{size}\t{status}\t0\t{shown}\n"
        else:
            record = {"seq": number, "item": shown, "start": round(start, 3)}
            record |= {"seconds": round(seconds, 6), "exit": status}
            record |= {"error": None if error is None else summarize(error), "end": self._end}
            line = _line(record)
        self._lines.append(line)

    def flush(self) -> None:
        """Write what was noted. The results must be on their way before."""
        data = memoryview("".join(self._lines).encode(errors="surrogateescape"))
        self._lines.clear()
        try:
            while data:
                data = data[self._file.write(data) :]
        except OSError as error:
            message = f"cannot write the log {self._path}: {error}"
            raise UsageError(message) from error

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _begin(self, *, is_new: bool) -> None:
        if self._is_tsv:
            if is_new:
                self._lines.append(_COLUMNS)
        else:
            begin = {"interpexec": "map", "target": self._target}
            self._lines.append(_line(begin | {"output": self._output, "end": self._end}))
        self.flush()

    # -- going on ----------------------------------------------------------------------

    def _read(self) -> bytes:
        """Return the records of earlier runs: all but one that was cut off."""
        try:
            with open(self._path, "rb") as file:  # noqa: PTH123  # see above
                data = file.read()
        except FileNotFoundError:
            return b""
        except OSError as error:
            message = f"cannot read the log: {error}"
            raise UsageError(message) from error
        return data[: data.rfind(b"\n") + 1]

    def _take_up(self, data: bytes, stdout: int | None) -> None:
        """Learn which items are done; cut off the results that have no record."""
        output, end = None, None
        for number, line in enumerate(data.decode(errors="surrogateescape").splitlines(), 1):
            try:
                record = self._record(line)
            except (ValueError, KeyError, IndexError) as error:
                message = f"line {number} of the log {self._path} is no record of `interpexec map`"
                raise UsageError(message) from error
            if "seq" in record:
                self._note_done(record)
            elif record:
                output = record["output"]
            end = record.get("end", end)
        if output is not None and output == self._output and stdout is not None:
            self._cut_off(stdout, end or 0)

    def _record(self, line: str) -> "dict[str, Any]":
        if self._is_tsv:
            fields = line.split("\t")
            if fields[0] == "Seq":
                return {}
            return {"seq": int(fields[0]), "exit": int(fields[6]), "item": fields[8]}
        from json import loads  # only here

        record: dict[str, Any] = loads(line)
        if "seq" not in record and record["target"] != self._target:
            message = (
                f"the log {self._path} belongs to another run: of {record['target']!r},"
                f" and this one is of {self._target!r}"
            )
            raise UsageError(message)
        return record

    def _note_done(self, record: "dict[str, Any]") -> None:
        self.done[record["seq"]] = record["item"]
        (self.failed.add if record["exit"] else self.failed.discard)(record["seq"])

    def _cut_off(self, stdout: int, end: int) -> None:
        if os.fstat(stdout).st_size > end:
            os.ftruncate(stdout, end)
            os.lseek(stdout, end, os.SEEK_SET)
        self._end = min(self._end, end)

    def rest_of(self, blocks: "Blocks", *, repeats_failed: bool) -> "Iterator[list[str]]":
        """Yield the items that are to be done, each with its number from 0 before it.

        Raises ValueError where an item is not the one that was logged.
        """
        number = 0
        for block in blocks:
            rest = []
            for item in block:
                number += 1
                known = self.done.get(number)
                if known is not None:
                    self._compare(number, item, known)
                if known is None or (repeats_failed and number in self.failed):
                    rest.append(f"{number - 1}:{item}")
            if rest:
                yield rest

    def _compare(self, number: int, item: str, known: str) -> None:
        shown = item[:SHOWN_ITEM]
        if self._is_tsv:
            shown = shown.replace("\t", " ").replace("\n", " ")
        if shown != known:
            message = (
                f"item {number} is {shown!r}, and in the log {self._path} it is {known!r}:"
                " that belongs to another run"
            )
            raise ValueError(message)


def _line(record: "dict[str, Any]") -> str:
    from json import dumps  # only here

    return f"{dumps(record)}\n"


def _position(stdout: int | None) -> tuple[list[int] | None, int]:
    """Return which file stdout is, if it is one, and where the next bytes are written."""
    if stdout is None:
        return None, 0
    status = os.fstat(stdout)
    if not S_ISREG(status.st_mode):
        return None, 0
    place = os.lseek(stdout, 0, os.SEEK_END if _appends(stdout) else os.SEEK_CUR)
    return [status.st_dev, status.st_ino], place


def _appends(descriptor: int) -> bool:
    """Say whether a file was opened with `>>`."""
    try:
        from fcntl import F_GETFL, fcntl  # only here; Windows has none
    except ImportError:
        return True
    return bool(fcntl(descriptor, F_GETFL) & os.O_APPEND)
