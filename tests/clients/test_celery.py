"""celery: tasks that compute in a pool, in each of its kinds of workers, by way of a folder."""

import signal
from pathlib import Path

import pytest

from programs import output, write
from servers import serving

APP = """
import os, _interpreters
from pathlib import Path
from celery import Celery
from work import square

folders = {name: str(Path(__file__).with_name(name)) for name in ("queue", "control", "results")}
for folder in folders.values():
    os.makedirs(folder, exist_ok=True)
app = Celery("app", broker="filesystem://", backend=f"file://{folders['results']}")
app.conf.broker_transport_options = {
    "data_folder_in": folders["queue"],
    "data_folder_out": folders["queue"],
    "control_folder": folders["control"],
    "polling_interval": 0.05,
}
pool = InterpreterPoolExecutor(2)

@app.task
def squares(count):
    return list(pool.map(square, range(count)))

@app.task
def fail():
    return pool.submit(int, "spam").result()
"""

WORK = """
import os, _interpreters

def square(number):
    return [number * number, os.getpid(), int(_interpreters.get_current()[0])]
"""

CLIENT = """
import app

results = [app.squares.delay(10) for _ in range(4)]
for result in results:
    answers = result.get(timeout=60, interval=0.02)
    assert [square for square, _, _ in answers] == [n * n for n in range(10)], answers
    assert {number for _, _, number in answers} <= {1, 2}, answers
try:
    app.fail.delay().get(timeout=60, interval=0.02)
except ValueError as error:
    print(error)
"""


CASES = [
    ("prefork", signal.SIGTERM),
    ("prefork", signal.SIGINT),
    ("threads", signal.SIGTERM),
    ("solo", signal.SIGINT),
]


@pytest.mark.parametrize(("kind", "number"), CASES)
def test_celery(tmp_path: Path, kind: str, number: signal.Signals) -> None:
    """A pool of the module, which with "prefork" is made before the fork; a warm shutdown."""
    write(tmp_path / "work.py", WORK)
    write(tmp_path / "app.py", APP)
    client = write(tmp_path / "client.py", CLIENT)
    options = "--pool", kind, "--concurrency", "2", "--loglevel", "INFO"
    with serving(tmp_path, "-m", "celery", "-A", "app", "worker", *options) as server:
        server.await_log("ready.")
        told = output(client, cwd=tmp_path, environment={"PYTHONWARNINGS": "default"})
        assert told == "invalid literal for int() with base 10: 'spam'\n"
        # celery ends with 1 by Ctrl-C, pool or no pool.
        status = 1 if number is signal.SIGINT else 0
        assert server.end(number, may_tell=b"ValueError: invalid literal") == status
