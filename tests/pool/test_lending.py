"""The loans of a process: open, late, back and lost ones, and the pools that wait for room."""

import gc
from collections.abc import Callable
from random import Random
from weakref import ref

import pytest

from interpexec._pool import lending
from interpexec._pool.lending import FOR_BROADCASTS, FOR_CALLS, FOR_INITIALIZERS, Loan, Loans
from interpexec._sharing.package import Package

pytestmark = pytest.mark.fast

CAPACITY = 300
"""The number of messages that CPython keeps."""


def package(views: int) -> Package:
    """Make one that lends so many views."""
    return Package(b"", [], [memoryview(b"")] * views, [])


def lend(loans: Loans, weight: int, most: int = FOR_CALLS, out: int = 0) -> tuple[Loan, Package]:
    """Lend something for which there is room."""
    made = package(weight - 2)
    loan = loans.lend(made, most, out)
    assert loan is not None
    return loan, made


def is_full(
    loans: Loans,
    weight: int,
    most: int = FOR_CALLS,
    out: int = 0,
    tell: Callable[[], None] | None = None,
) -> bool:
    """Say whether something is refused. If it is not, it comes back at once."""
    made = package(weight - 2)
    loan = loans.lend(made, most, out, tell)
    made.lease = None
    return loan is None


def test_open_loans_leave_room_for_messages() -> None:
    """Calls get a share of the room; memory that comes back makes room."""
    loans = Loans()
    held = [lend(loans, 40) for _ in range(FOR_CALLS // 40)]
    assert len(loans) == 4
    assert is_full(loans, 3)
    held.pop()[1].end_lease()
    assert len(loans) == 3
    assert is_full(loans, 41)
    assert not is_full(loans, 40)
    held.clear()  # a package that is dropped has no lease
    assert len(loans) == 0


def test_a_loan_heavier_than_the_share_waits_for_all_others_only() -> None:
    """A call that is heavier than the share would wait for ever otherwise."""
    loans = Loans()
    assert not is_full(loans, FOR_CALLS + 1)
    assert not is_full(loans, 100, out=CAPACITY)
    _, held = lend(loans, 3)
    assert is_full(loans, FOR_CALLS + 1)
    assert is_full(loans, 100, out=CAPACITY - 100)
    del held


def test_late_loans_count_for_the_whole_room_only() -> None:
    """Loans of answered calls are late: new calls need not wait, as long as all can come back."""
    loans = Loans()
    late, held = lend(loans, 130)
    assert is_full(loans, 100)
    loans.settle(late)
    loans.settle(late)  # says nothing new
    assert len(loans) == 1
    assert is_full(loans, 100, out=100)
    assert is_full(loans, CAPACITY - 130, FOR_BROADCASTS)
    _, other = lend(loans, 100)
    assert len(loans) == 2
    held.end_lease()
    other.end_lease()
    assert len(loans) == 0
    assert (loans._open, loans._total) == (0, 0)


def test_broadcasts_and_initializers() -> None:
    """A broadcast is refused when not all could come back; an initializer cannot wait."""
    loans = Loans()
    _, held = lend(loans, 130)
    assert not is_full(loans, 100, FOR_BROADCASTS)
    assert is_full(loans, 170, FOR_BROADCASTS)
    assert not is_full(loans, 170, FOR_INITIALIZERS)
    del held


def test_a_lost_loan_is_struck_off_when_a_later_one_is_back() -> None:
    """CPython makes those calls in their order, so it will not come."""
    loans = Loans()
    early, early_held = lend(loans, 10)
    lost, lost_held = lend(loans, 20)
    unsettled, unsettled_held = lend(loans, 30)
    loans.settle(lost)
    early_held.end_lease()  # it was lent before that one was settled: this proves nothing
    assert len(loans) == 2
    unsettled_held.end_lease()
    assert len(loans) == 1
    late, late_held = lend(loans, 40)
    assert len(loans) == 2
    late_held.end_lease()
    assert len(loans) == 0
    assert (loans._open, loans._total) == (0, 0)
    lost_held.end_lease()  # it does come: no harm is done
    assert (loans._open, loans._total) == (0, 0)
    del early, unsettled, late


def test_loans_that_nobody_answers_are_not_waited_for() -> None:
    """A call that was stopped may hold it as long as it likes."""
    loans = Loans()
    loan, held = lend(loans, 130)
    loans.forget(loan)
    assert len(loans) == 0
    assert not is_full(loans, 130)
    loans.forget(loan)
    loans.settle(loan)
    held.end_lease()
    assert (loans._open, loans._total) == (0, 0)


def test_a_refused_pool_is_told_once() -> None:
    """When something is settled, forgotten, or late and back."""
    loans = Loans()
    told: list[str] = []

    def tell() -> None:
        told.append("")

    for end in (loans.settle, loans.forget):
        loan, held = lend(loans, 130)
        assert is_full(loans, 130, tell=tell)
        assert is_full(loans, 130, tell=tell)
        assert not told
        held.end_lease()
        end(loan)
        assert told == [""]
        end(loan)
        assert told.pop() == ""
    loan, held = lend(loans, 130)
    assert is_full(loans, 130, tell=tell)
    loans.wait_no_more(tell)
    loans.forget(loan)
    assert not told


def test_a_late_loan_that_comes_back_is_told_of() -> None:
    """Without anybody's doing; and who is told finds the room."""
    loans = Loans()
    found: list[int] = []
    loan, held = lend(loans, 130)
    loans.settle(loan)
    assert is_full(loans, 161, tell=lambda: found.append(len(loans)))
    assert not found
    held.end_lease()
    assert found == [0]


def test_the_end_of_an_initializers_loan_is_told_of() -> None:
    """Nothing is answered then."""
    loans = Loans()
    found: list[int] = []
    _, held = lend(loans, 170, FOR_INITIALIZERS)
    assert is_full(loans, 10, tell=lambda: found.append(len(loans)))
    held.end_lease()
    assert found == [0]


def test_a_loan_that_comes_back_just_before_the_wait_begins() -> None:
    """A loan whose end is about to be counted: the pool is told at once."""
    loans = Loans()
    told: list[str] = []
    loan, held = lend(loans, 130)
    loans.settle(loan)
    assert held.lease is not None
    # Called after what is made here, as it is older; so it comes while that one runs.
    early = ref(held.lease, lambda _: told.append(str(is_full(loans, 161, tell=tell))))

    def tell() -> None:
        told.append("told")

    held.end_lease()
    del early
    assert told == ["told", "True"]
    assert len(loans) == 0


@pytest.mark.parametrize("workers", [1, 8])
def test_the_pools_share_the_room_for_messages(workers: int) -> None:
    """One has all of it; several have as much as can come back, whatever is lent."""
    loans = Loans()
    loans.pool_opens(0)
    assert loans.most_ahead(workers) == lending.MOST_AHEAD
    assert loans.most_ahead(workers) + workers < CAPACITY
    for pools in range(2, 12):
        loans.pool_opens(pools)
        assert 0 < (loans.most_ahead(workers) + workers) * pools < CAPACITY
    for pools in range(2, 12):
        loans.pool_closes(pools)
    _, held = lend(loans, 250, FOR_INITIALIZERS)
    assert 0 < loans.most_ahead(1) < 50
    assert loans.most_ahead(60) == 0
    loans.pool_closes(0)
    del held


def test_any_order_of_events() -> None:
    """Loans on their way back never exceed what CPython keeps; all come back in the end."""
    chance = Random(7)
    loans = Loans()
    queue: list[Package] = []  # what the lender has not taken back yet, in the order of letting go
    out: list[tuple[Loan, Package]] = []
    most = 0
    for _ in range(20_000):
        weight = chance.randrange(3, 139)
        made = package(weight - 2)
        step = chance.random()
        if step < 0.5 and (loan := loans.lend(made, FOR_CALLS, chance.randrange(100))) is not None:
            out.append((loan, made))
        elif step < 0.75 and out:
            loan, held = out.pop(chance.randrange(len(out)))
            queue.append(held)
            loans.settle(loan)
        elif queue and chance.random() < 0.7:
            queue.pop(0).end_lease()
        on_the_way = sum(each.weight + 2 for each in queue)
        most = max(most, on_the_way)
        assert on_the_way + sum(each.weight + 2 for _, each in out) < CAPACITY
        assert (loans._open > FOR_CALLS) <= (len(out) == 1)
    assert most > 250
    for _, held in out:
        held.end_lease()
    for each in queue:
        each.end_lease()
    gc.collect()
    assert len(loans) == 0
    assert (loans._open, loans._total) == (0, 0)
