"""Tests against other packages, in an environment of their own: see CONTRIBUTING.

Collected only where all of these packages are: `pip install -e '.[test]' --group clients`.
"""

from importlib.util import find_spec

PACKAGES = (
    "aiohttp",
    "celery",
    "dask",
    "distributed",
    "eventlet",
    "fastapi",
    "fastjsonschema",
    "gevent",
    "gunicorn",
    "markdown",
    "mistune",
    "networkx",
    "opentelemetry.sdk",
    "pyflakes",
    "pygments",
    "pytest_timeout",
    "sentry_sdk",
    "sqlglot",
    "starlette",
    "sympy",
    "tqdm",
    "uvicorn",
    "xdist",
)


def _is_there(name: str) -> bool:
    """Say whether a package is installed; importing nothing but the packages around it."""
    try:
        return find_spec(name) is not None
    except ModuleNotFoundError:
        return False


collect_ignore_glob = [] if all(map(_is_there, PACKAGES)) else ["test_*.py"]
