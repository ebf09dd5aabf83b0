"""A joblib backend: `Parallel` runs its calls in subinterpreters.

    import interpexec.joblib
    from joblib import Parallel, delayed, parallel_config

    interpexec.joblib.register()
    with parallel_config("interpexec", n_jobs=4):
        Parallel()(delayed(f)(x) for x in items)

Needs joblib, which is imported by `register()`. `docs/moving.md` tells what it can do.
"""

__all__ = ["register"]


def register(*, make_default: bool = False) -> None:
    """Make the backend known to joblib, by the name "interpexec".

    make_default: use it where no backend is named.

    May be called more than once. Raises ImportError where there is no joblib.
    """
    try:
        from joblib import register_parallel_backend
    except ModuleNotFoundError as error:
        if error.name != "joblib":
            raise
        raise ModuleNotFoundError(
            "interpexec.joblib needs joblib, which is not installed: pip install joblib",
            name="joblib",
        ) from None
    from interpexec._ports.joblib_backend import InterpreterBackend  # it imports joblib

    register_parallel_backend("interpexec", InterpreterBackend, make_default=make_default)
