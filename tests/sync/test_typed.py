"""The types of what queues and channels hold can be written down, at no cost."""

from interpexec import InterpreterPoolExecutor, RecvChannel, SendChannel, create_channel
from interpexec.sync import Queue
from stops import TIME_LIMIT


def test_queues_and_channels_take_the_type_of_their_objects() -> None:
    """`Queue[int]` is called as `Queue` is; the others are for annotations."""
    queue = Queue[int](maxsize=3)
    queue.put(3)
    assert type(queue) is Queue
    assert queue.maxsize == 3
    assert repr(RecvChannel[int]) == "interpexec.channels.RecvChannel[int]"
    assert SendChannel[int].__origin__ is SendChannel  # type: ignore[attr-defined]


def test_a_worker_needs_no_typing_for_them() -> None:
    """To import `typing` takes a worker longer than all of a channel."""
    queue = Queue[int]()
    receiver, sender = create_channel()
    queue.put(3)
    use = "[sender.send(queue.get()), list(__import__('sys').modules)][1]"
    with InterpreterPoolExecutor(1) as pool:
        modules = pool.submit(eval, use, {"queue": queue, "sender": sender}).result(TIME_LIMIT)
    assert receiver.recv(TIME_LIMIT) == 3
    receiver.release()
    assert "interpexec.channels" in modules
    assert "typing" not in modules
