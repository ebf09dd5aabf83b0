"""The methods of an executor that make maps, with the types of their arguments.

A type checker compares the iterables with the parameters of the function, for up to five
iterables: the overloads are those that typeshed has for `map`.
"""

from functools import partial
from typing import overload

from interpexec._map import via_submit
from interpexec._map.feed import Feed
from interpexec._map.feed_job import FeedJob
from interpexec._map.halting import Halting
from interpexec._map.iterators import Unordered
from interpexec._map.iterators import ordered as in_order
from interpexec._map.request import MapRequest
from interpexec._map.window import Window
from interpexec._pool import arguments

TYPE_CHECKING: bool = False  # annotated, for jedi: it skips the block otherwise
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

    from interpexec._map.halting import Enough
    from interpexec._map.job import Job
    from interpexec._map.outcome import Outcome
    from interpexec._map.progress import Wanted
    from interpexec._map.results import Results
    from interpexec._pool.future import CallFuture


class Maps:
    """`map`, `imap_unordered` and `outcomes`: a base class of the executor."""

    if TYPE_CHECKING:

        def submit[**P, T](
            self, fn: "Callable[P, T]", /, *args: "P.args", **kwargs: "P.kwargs"
        ) -> "CallFuture[T]": ...

        def _has_own_submit(self) -> bool: ...

        def _job_maker(
            self, request: MapRequest, kind: "type[Job]" = ...
        ) -> "Callable[..., Job]": ...

    @overload
    def map[A, R](
        self,
        fn: "Callable[[A], R]",
        first: "Iterable[A]",
        /,
        *,
        timeout: float | None = None,
        chunksize: int | None = None,
        buffersize: int | None = None,
        progress: "Wanted" = False,
    ) -> "Results[R]": ...
    @overload
    def map[A, B, R](
        self,
        fn: "Callable[[A, B], R]",
        first: "Iterable[A]",
        second: "Iterable[B]",
        /,
        *,
        timeout: float | None = None,
        chunksize: int | None = None,
        buffersize: int | None = None,
        progress: "Wanted" = False,
    ) -> "Results[R]": ...
    @overload
    def map[A, B, C, R](
        self,
        fn: "Callable[[A, B, C], R]",
        first: "Iterable[A]",
        second: "Iterable[B]",
        third: "Iterable[C]",
        /,
        *,
        timeout: float | None = None,
        chunksize: int | None = None,
        buffersize: int | None = None,
        progress: "Wanted" = False,
    ) -> "Results[R]": ...
    @overload
    def map[A, B, C, D, R](
        self,
        fn: "Callable[[A, B, C, D], R]",
        first: "Iterable[A]",
        second: "Iterable[B]",
        third: "Iterable[C]",
        fourth: "Iterable[D]",
        /,
        *,
        timeout: float | None = None,
        chunksize: int | None = None,
        buffersize: int | None = None,
        progress: "Wanted" = False,
    ) -> "Results[R]": ...
    @overload
    def map[A, B, C, D, E, R](
        self,
        fn: "Callable[[A, B, C, D, E], R]",
        first: "Iterable[A]",
        second: "Iterable[B]",
        third: "Iterable[C]",
        fourth: "Iterable[D]",
        fifth: "Iterable[E]",
        /,
        *,
        timeout: float | None = None,
        chunksize: int | None = None,
        buffersize: int | None = None,
        progress: "Wanted" = False,
    ) -> "Results[R]": ...
    @overload
    def map[R](
        self,
        fn: "Callable[..., R]",
        first: "Iterable[Any]",
        second: "Iterable[Any]",
        third: "Iterable[Any]",
        fourth: "Iterable[Any]",
        fifth: "Iterable[Any]",
        sixth: "Iterable[Any]",
        /,
        *others: "Iterable[Any]",
        timeout: float | None = None,
        chunksize: int | None = None,
        buffersize: int | None = None,
        progress: "Wanted" = False,
    ) -> "Results[R]": ...
    def map[R](
        self,
        fn: "Callable[..., R]",
        *iterables: "Iterable[object]",
        timeout: float | None = None,
        chunksize: int | None = None,
        buffersize: int | None = None,
        progress: "Wanted" = False,
    ) -> "Results[R]":
        """Return an iterator over `fn(*items)`, in order, for the zipped iterables.

        The items that may be in flight are submitted at once, whether the iterator is ever
        advanced or not. Where `submit` is overridden, or replaced on the executor, each item
        (or each chunk of a given `chunksize`) is one call of that.

        timeout: seconds from now, after which `next()` raises TimeoutError.
        chunksize: items per call. None: as many as take some 5 ms, by what the items
            before them took; one, until that is known, and where each has a time limit
            of its own (`with_options`) or counts (`max_tasks_per_child`). Items
            that a call has not begun go to workers that are idle. A number: always so many.
        buffersize: how many items may be in flight, read and not yet yielded. None:
            the iterables are read to their end at once.
        progress: True: a line on stderr, where that is a terminal, or tqdm's bar in a notebook.
            A callable: called with (items done, those of them that failed, all or None), when
            numbers are new, by one thread at a time; it must not wait for this map. Its
            exception is logged, and ends the telling.

        An exception that `fn` raises is raised by the `next()` whose turn it is;
        items that have not begun by then are cancelled, as they are when the iterator is
        closed, or dropped after it was asked for a result. (A call that runs then comes to the end
        of its item, as in the standard library; but the one that `next()` waits for when the
        time is over is stopped.)
        An exception of the iterables comes behind the results of all items before it.

        Raises TypeError or ValueError, naming the argument, and what `submit`
        raises.
        """
        request = MapRequest(fn, iterables, chunksize, buffersize, timeout, progress=progress)
        return self._ordered(request)  # type: ignore[return-value]

    @overload
    def imap_unordered[A, R](
        self,
        fn: "Callable[[A], R]",
        first: "Iterable[A]",
        /,
        *,
        timeout: float | None = None,
        chunksize: int | None = None,
        buffersize: int | None = None,
        progress: "Wanted" = False,
    ) -> "Results[R]": ...
    @overload
    def imap_unordered[A, B, R](
        self,
        fn: "Callable[[A, B], R]",
        first: "Iterable[A]",
        second: "Iterable[B]",
        /,
        *,
        timeout: float | None = None,
        chunksize: int | None = None,
        buffersize: int | None = None,
        progress: "Wanted" = False,
    ) -> "Results[R]": ...
    @overload
    def imap_unordered[A, B, C, R](
        self,
        fn: "Callable[[A, B, C], R]",
        first: "Iterable[A]",
        second: "Iterable[B]",
        third: "Iterable[C]",
        /,
        *,
        timeout: float | None = None,
        chunksize: int | None = None,
        buffersize: int | None = None,
        progress: "Wanted" = False,
    ) -> "Results[R]": ...
    @overload
    def imap_unordered[A, B, C, D, R](
        self,
        fn: "Callable[[A, B, C, D], R]",
        first: "Iterable[A]",
        second: "Iterable[B]",
        third: "Iterable[C]",
        fourth: "Iterable[D]",
        /,
        *,
        timeout: float | None = None,
        chunksize: int | None = None,
        buffersize: int | None = None,
        progress: "Wanted" = False,
    ) -> "Results[R]": ...
    @overload
    def imap_unordered[A, B, C, D, E, R](
        self,
        fn: "Callable[[A, B, C, D, E], R]",
        first: "Iterable[A]",
        second: "Iterable[B]",
        third: "Iterable[C]",
        fourth: "Iterable[D]",
        fifth: "Iterable[E]",
        /,
        *,
        timeout: float | None = None,
        chunksize: int | None = None,
        buffersize: int | None = None,
        progress: "Wanted" = False,
    ) -> "Results[R]": ...
    @overload
    def imap_unordered[R](
        self,
        fn: "Callable[..., R]",
        first: "Iterable[Any]",
        second: "Iterable[Any]",
        third: "Iterable[Any]",
        fourth: "Iterable[Any]",
        fifth: "Iterable[Any]",
        sixth: "Iterable[Any]",
        /,
        *others: "Iterable[Any]",
        timeout: float | None = None,
        chunksize: int | None = None,
        buffersize: int | None = None,
        progress: "Wanted" = False,
    ) -> "Results[R]": ...
    def imap_unordered[R](
        self,
        fn: "Callable[..., R]",
        *iterables: "Iterable[object]",
        timeout: float | None = None,
        chunksize: int | None = None,
        buffersize: int | None = None,
        progress: "Wanted" = False,
    ) -> "Results[R]":
        """Return an iterator over the results of `map`, as they arrive.

        The name and its ways are those of `multiprocessing`: an exception is
        raised by the `next()` that meets it, and the next one goes on with the
        other items. Arguments and errors as in `map`. `close()` cancels what has
        not finished, also what runs.
        """
        request = MapRequest(fn, iterables, chunksize, buffersize, timeout, progress=progress)
        return self._unordered(request)  # type: ignore[return-value]

    @overload
    def outcomes[A, R](
        self,
        fn: "Callable[[A], R]",
        first: "Iterable[A]",
        /,
        *,
        ordered: bool = True,
        timeout: float | None = None,
        chunksize: int | None = None,
        buffersize: int | None = None,
        progress: "Wanted" = False,
    ) -> "Results[Outcome[A, R]]": ...
    @overload
    def outcomes[A, B, R](
        self,
        fn: "Callable[[A, B], R]",
        first: "Iterable[A]",
        second: "Iterable[B]",
        /,
        *,
        ordered: bool = True,
        timeout: float | None = None,
        chunksize: int | None = None,
        buffersize: int | None = None,
        progress: "Wanted" = False,
    ) -> "Results[Outcome[tuple[A, B], R]]": ...
    @overload
    def outcomes[R](
        self,
        fn: "Callable[..., R]",
        first: "Iterable[Any]",
        second: "Iterable[Any]",
        third: "Iterable[Any]",
        /,
        *others: "Iterable[Any]",
        ordered: bool = True,
        timeout: float | None = None,
        chunksize: int | None = None,
        buffersize: int | None = None,
        progress: "Wanted" = False,
    ) -> "Results[Outcome[tuple[Any, ...], R]]": ...
    def outcomes[R](  # noqa: PLR0913  # the options of a map, and the order
        self,
        fn: "Callable[..., R]",
        *iterables: "Iterable[Any]",
        ordered: bool = True,
        timeout: float | None = None,
        chunksize: int | None = None,
        buffersize: int | None = None,
        progress: "Wanted" = False,
    ) -> "Results[Outcome[Any, R]]":
        """Return an iterator over one `Outcome` for each item of a map: nothing ends early.

        An outcome has the item, its index, the value or the error, and the seconds that the
        function ran. No error of an item is raised, whether the function raised it, or the item
        or its value cannot be sent, or the call ran out of time (`with_options`) or was lost.

        ordered: in the order of the items; else as they arrive.
        timeout: seconds from now, after which `next()` raises TimeoutError.

        The rest is as in `map`. Only an exception of the iterables themselves is raised, behind
        the outcomes of all items before it.
        """
        request = MapRequest(
            fn, iterables, chunksize, buffersize, timeout, wants_outcomes=True, progress=progress
        )
        return self._ordered(request) if ordered else self._unordered(request)  # type: ignore[return-value]

    def feed[A, R](  # noqa: PLR0913  # the options of a map, its bounds and its end
        self,
        fn: "Callable[[A], R]",
        /,
        *,
        ordered: bool = True,
        chunksize: int | None = None,
        buffersize: int | None = None,
        buffer_bytes: int | None = None,
        fail_fast: "Enough" = False,
    ) -> "Feed[A, R]":
        """Return a map whose items the program puts in, from any thread, as they come.

        Where the items come from a socket, a pipe or a person, a thread reads them and calls
        `feed.put(item)`; another one iterates over the feed, for an `Outcome` of each item, as
        in `outcomes`. An item is sent to a worker at once when one is free, and an outcome is there
        as soon as it can be: no reading holds it up, and (where values are numbers, strings or
        bytes) it waits for slow items behind it in its call for some 25 ms at most.

        ordered: in the order of the items; else as they arrive.
        chunksize: as in `map`.
        buffersize: how many items may be in flight, put in and not yet taken out: then `put`
            blocks. None: no bound.
        buffer_bytes: how many bytes of items (numbers do not count) may be in flight; then
            `put` blocks. And how many of results; then no further items are sent to the workers
            until some are taken. None: no bound. The bytes of one call may come on top.
        fail_fast: True: when an item has failed, no further one begins, as after `stop()`. A
            callable: called with (items failed, items ended) at failures; true: they are too many.

        Each call is sent to the workers directly: a `submit` that is overridden is not asked.
        Raises TypeError or ValueError, naming the argument.
        """
        request = MapRequest(fn, ((),), chunksize, None, wants_outcomes=True, fail_fast=fail_fast)
        window = Window(
            arguments.buffersize(buffersize), arguments.buffersize(buffer_bytes, "buffer_bytes")
        )
        halting = Halting(request.fail_fast)
        make = partial(self._job_maker(request, FeedJob), most_bytes=buffer_bytes, halting=halting)
        return Feed(make, ordered=ordered, window=window)  # type: ignore[arg-type]  # it makes a FeedJob

    def _ordered(self, request: MapRequest) -> "Results[object]":
        if self._has_own_submit():
            return via_submit.ordered(self.submit, request)
        return in_order(self._job_maker(request)(), request.timeout)

    def _unordered(self, request: MapRequest) -> "Results[object]":
        if self._has_own_submit():
            return via_submit.Unordered(self.submit, request)
        return Unordered(self._job_maker(request), request.timeout)
