"""The methods of an executor that make maps, with the types of their arguments.

A type checker compares the iterables with the parameters of the function, for up to five
iterables: the overloads are those that typeshed has for `map`.
"""

from typing import overload

from interpexec._map import via_submit
from interpexec._map.iterators import Unordered
from interpexec._map.iterators import ordered as in_order
from interpexec._map.request import MapRequest

TYPE_CHECKING: bool = False  # annotated, for jedi: it skips the block otherwise
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

    from interpexec._map.job import Job
    from interpexec._map.outcome import Outcome
    from interpexec._map.results import Results
    from interpexec._pool.future import CallFuture


class Maps:
    """`map`, `imap_unordered` and `outcomes`: a base class of the executor."""

    if TYPE_CHECKING:

        def submit[**P, T](
            self, fn: "Callable[P, T]", /, *args: "P.args", **kwargs: "P.kwargs"
        ) -> "CallFuture[T]": ...

        def _has_own_submit(self) -> bool: ...

        def _job_maker(self, request: MapRequest) -> "Callable[..., Job]": ...

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
    ) -> "Results[R]": ...
    def map[R](
        self,
        fn: "Callable[..., R]",
        *iterables: "Iterable[object]",
        timeout: float | None = None,
        chunksize: int | None = None,
        buffersize: int | None = None,
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

        An exception that `fn` raises is raised by the `next()` whose turn it is;
        items that have not begun by then are cancelled, as they are when the iterator is
        closed, or dropped after it was asked for a result. (A call that runs then comes to the end
        of its item, as in the standard library; but the one that `next()` waits for when the
        time is over is stopped.)
        An exception of the iterables comes behind the results of all items before it.

        Raises TypeError or ValueError, naming the argument, and what `submit`
        raises.
        """
        request = MapRequest(fn, iterables, chunksize, buffersize, timeout)
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
    ) -> "Results[R]": ...
    def imap_unordered[R](
        self,
        fn: "Callable[..., R]",
        *iterables: "Iterable[object]",
        timeout: float | None = None,
        chunksize: int | None = None,
        buffersize: int | None = None,
    ) -> "Results[R]":
        """Return an iterator over the results of `map`, as they arrive.

        The name and its ways are those of `multiprocessing`: an exception is
        raised by the `next()` that meets it, and the next one goes on with the
        other items. Arguments and errors as in `map`. `close()` cancels what has
        not finished, also what runs.
        """
        request = MapRequest(fn, iterables, chunksize, buffersize, timeout)
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
    ) -> "Results[Outcome[tuple[Any, ...], R]]": ...
    def outcomes[R](
        self,
        fn: "Callable[..., R]",
        *iterables: "Iterable[Any]",
        ordered: bool = True,
        timeout: float | None = None,
        chunksize: int | None = None,
        buffersize: int | None = None,
    ) -> "Results[Outcome[Any, R]]":
        """Return an iterator over one `Outcome` for each item of a map: nothing ends early.

        An outcome has the item, its position, the value or the error, and the seconds that the
        function ran. No error of an item is raised, whether the function raised it, or the item
        or its value cannot be sent, or the call ran out of time (`with_options`) or was lost.

        ordered: in the order of the items; else as they arrive.
        timeout: seconds from now, after which `next()` raises TimeoutError.

        The rest is as in `map`. Only an exception of the iterables themselves is raised, behind
        the outcomes of all items before it.
        """
        request = MapRequest(fn, iterables, chunksize, buffersize, timeout, wants_outcomes=True)
        return self._ordered(request) if ordered else self._unordered(request)  # type: ignore[return-value]

    def _ordered(self, request: MapRequest) -> "Results[object]":
        if self._has_own_submit():
            return via_submit.ordered(self.submit, request)
        return in_order(self._job_maker(request)(), request.timeout)

    def _unordered(self, request: MapRequest) -> "Results[object]":
        if self._has_own_submit():
            return via_submit.Unordered(self.submit, request)
        return Unordered(self._job_maker(request), request.timeout)
