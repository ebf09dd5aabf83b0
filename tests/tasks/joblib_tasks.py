"""Functions of a module that imports joblib, as users write them."""

from joblib import Parallel, delayed

import tasks

ready: list[str] = []


def get_ready(word: str) -> None:
    """Do what initializers do."""
    ready.append(word)


def is_ready(_: object = None) -> list[str]:
    """Return what `get_ready` was given in this interpreter."""
    return ready


def where(count: int) -> list[int]:
    """Return in which interpreters the calls of a `Parallel` run."""
    calls = (delayed(tasks.interpreter)() for _ in range(count))
    return Parallel(n_jobs=2)(calls)  # type: ignore[no-any-return]  # it has no types


def where_inside(count: int) -> tuple[int, list[list[int]]]:
    """Return where this runs, and where the calls run of a `Parallel` in a `Parallel`."""
    hints: list[dict[str, str]] = [{}, {"prefer": "threads"}, {"backend": "interpexec"}]
    calls = [(Parallel(n_jobs=2, **hint), delayed(where)(count)) for hint in hints]
    return tasks.interpreter(), [parallel([call])[0] for parallel, call in calls]
