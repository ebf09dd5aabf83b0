"""The outbox of a worker, by itself: what is sent when."""

from _pickle import loads

import pytest

from interpexec._worker import wire
from interpexec._worker.outbox import Outbox

pytestmark = pytest.mark.fast


class Queue:
    """Stands for the reply queue: keeps what is sent."""

    def __init__(self) -> None:
        self.sent: list[object] = []

    def send(self, message: wire.Message) -> None:
        payload, call_id, kind = wire.unseal(message)
        if kind == wire.FORWARDED:
            number, entries = loads(payload)  # type: ignore[arg-type]  # bytes
            assert (number, call_id) == (7, 0)
            self.sent.append([text for _, text in entries])
        else:
            self.sent.append(call_id)


@pytest.fixture
def queue() -> Queue:
    """Return the queue."""
    return Queue()


@pytest.fixture
def outbox(queue: Queue) -> Outbox:
    """Return an outbox over the queue."""
    return Outbox(queue, 7)  # type: ignore[arg-type]  # it sends


def test_an_entry_is_sent_at_once_as_long_as_there_is_credit(outbox: Outbox, queue: Queue) -> None:
    """Without credit entries wait, and go together when there is some again."""
    for number in range(wire.CREDIT + 3):
        outbox.put(("stdout", str(number)))
    assert queue.sent == [[str(number)] for number in range(wire.CREDIT)]
    outbox.give_credit(2)
    waited = [str(number) for number in range(wire.CREDIT, wire.CREDIT + 3)]
    assert queue.sent[wire.CREDIT :] == [waited]
    outbox.put(("stdout", "last"))
    assert queue.sent[-1] == ["last"]


def test_an_answer_comes_behind_all_that_waits(outbox: Outbox, queue: Queue) -> None:
    """An answer needs no credit, and what is flushed for it comes before it, too."""
    outbox.give_credit(-wire.CREDIT)
    outbox.flushers.append(lambda: outbox.put(("stdout", "flushed")))
    outbox.put(("stdout", "waits"))
    assert queue.sent == []
    outbox.send(wire.seal(b"answer", 5, wire.VALUE))
    assert queue.sent == [["waits", "flushed"], 5]


def test_a_destructor_that_logs_while_entries_are_pickled(outbox: Outbox, queue: Queue) -> None:
    """Its entry waits for its turn: nothing is lost, nothing is sent twice."""

    class Logs:
        def __reduce__(self) -> tuple[object, ...]:
            outbox.put(("stdout", "inner"))
            return str, ("outer",)

    outbox.put(("stdout", Logs()))
    assert queue.sent == [["outer"], ["inner"]]


def test_many_entries_are_sent_in_several_messages(outbox: Outbox, queue: Queue) -> None:
    """No message is huge."""
    outbox.give_credit(-wire.CREDIT)
    for number in range(2000):
        outbox.put(("stdout", str(number)))
    outbox.send(wire.seal(b"answer", 5, wire.VALUE))
    *messages, answer = queue.sent
    assert answer == 5
    assert len(messages) > 1
    assert [text for each in messages for text in each] == [str(n) for n in range(2000)]  # type: ignore[attr-defined]  # lists
