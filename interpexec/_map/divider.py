"""Dividing chunks: the items that a call hands back become chunks of their own.

A worker hands items back when it is asked to, since other workers are idle, or because the
call took much longer than it was made for.
"""

from interpexec._map.chunk_list import ASKED, DIVIDED, WHOLE, Chunk, ChunkList

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from concurrent.futures import Future

    from interpexec._map.chunk_size import Sizer
    from interpexec._pool.scheduler import Scheduler


class Divider:
    """Asks workers for items, and divides chunks. Used under the job's lock."""

    def __init__(self, scheduler: "Scheduler", sizer: "Sizer", chunks: ChunkList) -> None:
        """Ask nothing yet."""
        self._scheduler = scheduler
        self._sizer = sizer
        self._chunks = chunks
        self.asked: dict[Future[object], Chunk] = {}
        """The chunks whose workers were asked, by the answers."""

    def divide(self, chunk: Chunk, done: int) -> list[Chunk]:
        """Put the items behind the first ones into chunks right behind; return these, once."""
        rest = chunk.items.after(done)
        if not rest or not chunk.move(DIVIDED):
            return []
        chunk.items = chunk.items.cut(done)
        pieces = [chunk]
        while rest:
            size = self._sizer.size(len(rest), self._scheduler.max_workers, rest.weight)
            pieces.append(self._chunks.insert(Chunk(rest.cut(size)), pieces[-1]))
        return pieces[1:]

    def ask(
        self,
        out: "Iterable[Chunk]",
        idle: int,
        answered: "Callable[[Future[object]], object]",
        *,
        takes_outcomes: bool = False,
    ) -> None:
        """Ask the workers of as many chunks as there are idle workers, each chunk once.

        takes_outcomes: those that are there come with the answer.
        """
        for chunk in out:
            if chunk.state is not WHOLE or len(chunk.items) == 1 or chunk.future.done():
                continue  # (its worker may still say that it runs a call which has ended)
            future = self._scheduler.ask_items(chunk.future, takes_outcomes=takes_outcomes)  # type: ignore[arg-type]  # it is out
            if future is None:
                continue  # it is about to begin: the job is told again of idle workers soon
            chunk.move(ASKED)
            self.asked[future] = chunk
            future.add_done_callback(answered)
            idle -= 1
            if not idle:
                return
