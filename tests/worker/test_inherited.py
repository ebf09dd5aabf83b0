"""Settings that a worker takes over: what is sent, and when nothing is."""

import pickle
import re
import sys
import warnings
from collections.abc import Iterator

import pytest

import seen
from gates import TIME_LIMIT
from interpexec import InterpreterPoolExecutor
from interpexec._worker import inherited

pytestmark = pytest.mark.fast


@pytest.fixture
def _as_started(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Have the settings of a Python that was started without options."""
    usual = [] if hasattr(sys, "gettotalrefcount") else inherited._USUAL
    monkeypatch.setattr(sys, "dont_write_bytecode", bool(sys.flags.dont_write_bytecode))
    monkeypatch.setattr(sys, "pycache_prefix", None)
    monkeypatch.delenv("PYTHONPYCACHEPREFIX", raising=False)
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(1000)
    with warnings.catch_warnings():
        inherited._set_filters(usual)
        yield
    sys.setrecursionlimit(limit)


@pytest.mark.usefixtures("_as_started")
def test_nothing_is_sent_where_nothing_was_changed() -> None:
    """A worker then imports nothing for it."""
    assert inherited.take() is None


@pytest.mark.usefixtures("_as_started")
def test_a_worker_imports_nothing_for_it() -> None:
    """The module is on the caller's side only."""
    with InterpreterPoolExecutor(1) as pool:
        names = pool.submit(seen.modules).result(TIME_LIMIT)
    assert "interpexec._worker.inherited" not in names


@pytest.mark.usefixtures("_as_started")
def test_each_setting_is_sent() -> None:
    """Unpickling what was taken sets it."""
    sys.setrecursionlimit(4321)
    sys.dont_write_bytecode = not sys.dont_write_bytecode
    taken = pickle.dumps(inherited.take())
    sys.setrecursionlimit(1000)
    pickle.loads(taken)
    assert sys.getrecursionlimit() == 4321


@pytest.mark.usefixtures("_as_started")
def test_a_low_recursion_limit_is_not_sent() -> None:
    """A worker needs some depth itself."""
    sys.setrecursionlimit(400)
    assert inherited.take() is None


@pytest.mark.usefixtures("_as_started")
def test_filters_come_through_any_number_of_workers() -> None:
    """A worker sends its filters to the workers of its own pool."""
    warnings.filterwarnings("error", "some text", pytest.PytestWarning, r"a\.module", 5)
    warnings.simplefilter("once")
    for _ in range(2):
        filters = inherited._changed_filters()
        assert filters is not None
        assert filters[1] == (
            "error",
            ("some text", re.compile("x", re.IGNORECASE).flags),
            "pytest.PytestWarning",
            (r"a\.module", re.compile("x").flags),
            5,
        )
        inherited._set_filters(filters)


@pytest.mark.usefixtures("_as_started")
def test_a_category_is_known_by_its_name() -> None:
    """Its module is not imported for it; classes that inherit from it count."""
    warnings.simplefilter("error", pytest.PytestWarning)
    filters = inherited._changed_filters()
    assert filters is not None
    inherited._set_filters(filters)
    for kind in pytest.PytestWarning, pytest.PytestCollectionWarning:
        with pytest.raises(kind):
            warnings.warn("text", kind, stacklevel=1)
    with pytest.warns(UserWarning, match="text"):
        warnings.warn("text", UserWarning, stacklevel=1)


@pytest.mark.usefixtures("_as_started")
def test_odd_filters_are_left_alone() -> None:
    """Somebody has put something else into the list."""
    warnings.filters.insert(0, "ignore")  # type: ignore[attr-defined]
    assert inherited._changed_filters() is None
