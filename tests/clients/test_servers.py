"""Web servers whose handlers compute in a pool: processes, asked by HTTP, ended by a signal."""

import os
import signal
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from time import time

import pytest

from programs import write
from servers import Server, serving

WORK = """
import os, _interpreters

def square(number):
    sum(range(20_000))
    return [number * number, os.getpid(), int(_interpreters.get_current()[0])]
"""
"""A module of its own: interpreters would refuse the frameworks, for their C parts."""

LIFESPAN = """
import asyncio
from contextlib import asynccontextmanager
from work import square

@asynccontextmanager
async def lifespan(app):
    async with InterpreterPoolExecutor(2) as pool:
        yield {"pool": pool}

async def compute(request, number):
    return await asyncio.get_running_loop().run_in_executor(request.state.pool, square, number)
"""

STARLETTE = f"""{LIFESPAN}
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route

async def answer(request):
    return JSONResponse(await compute(request, int(request.query_params["n"])))

app = Starlette(routes=[Route("/", answer)], lifespan=lifespan)
"""

FASTAPI = f"""{LIFESPAN}
from fastapi import FastAPI, Request

app = FastAPI(lifespan=lifespan)

@app.get("/")
async def answer(request: Request, n: int) -> list[int]:
    return await compute(request, n)
"""

AIOHTTP = """
import asyncio, socket, sys
from aiohttp import web
from work import square

pool = web.AppKey("pool", InterpreterPoolExecutor)

async def lifespan(app):
    async with InterpreterPoolExecutor(2) as app[pool]:
        yield

async def answer(request):
    loop = asyncio.get_running_loop()
    number = int(request.query["n"])
    return web.json_response(await loop.run_in_executor(request.app[pool], square, number))

app = web.Application()
app.cleanup_ctx.append(lifespan)
app.router.add_get("/", answer)
web.run_app(app, sock=socket.socket(fileno=int(sys.argv[1])))
"""

WSGI = """
import json
from urllib.parse import parse_qs
from work import square

pool = InterpreterPoolExecutor(2)

def app(environ, start_response):
    number = int(parse_qs(environ["QUERY_STRING"])["n"][0])
    start_response("200 OK", [("Content-Type", "application/json")])
    return [json.dumps(pool.submit(square, number).result()).encode()]
"""

USED_BEFORE_THE_FORK = f"{WSGI}\nassert pool.submit(square, 3).result()[0] == 9\n"


def ask(server: Server, count: int = 24) -> tuple[set[int], set[int]]:
    """Ask many things at a time; return the processes and the interpreters that answered."""
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(server.get, [f"/?n={n}" for n in range(count)]))
    assert [square for square, _, _ in answers] == [n * n for n in range(count)]
    return {process for _, process, _ in answers}, {number for _, _, number in answers}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Make a folder with the module of the work."""
    write(tmp_path / "work.py", WORK)
    return tmp_path


BOTH = pytest.mark.parametrize(
    "number", [signal.SIGINT, signal.SIGTERM], ids=lambda each: each.name
)


@BOTH
def test_aiohttp(folder: Path, number: signal.Signals) -> None:
    """The pool is a cleanup context of the application."""
    write(folder / "app.py", AIOHTTP)
    with serving(folder, "app.py", "{fd}") as server:
        processes, interpreters = ask(server)
        assert len(processes) == 1
        assert interpreters <= {1, 2}
        assert server.end(number) == 0


@BOTH
@pytest.mark.parametrize("app", [STARLETTE, FASTAPI], ids=["starlette", "fastapi"])
def test_uvicorn(folder: Path, app: str, number: signal.Signals) -> None:
    """The pool lives as long as the application."""
    write(folder / "app.py", app)
    with serving(folder, "-m", "uvicorn", "app:app", "--fd", "{fd}") as server:
        assert ask(server)[1] <= {1, 2}
        # When all is cleared up, uvicorn raises the signal again, and ends well by Ctrl-C.
        assert server.end(number) == (0 if number is signal.SIGINT else -number)
    assert b"Application shutdown complete" in server.log


@BOTH
def test_uvicorn_with_workers(folder: Path, number: signal.Signals) -> None:
    """Two processes, each with a pool."""
    write(folder / "app.py", STARLETTE)
    command = "-m", "uvicorn", "app:app", "--fd", "{fd}", "--workers", "2"
    with serving(folder, *command) as server:
        processes: set[int] = set()
        while len(processes) < 2:
            found, interpreters = ask(server)
            assert 0 not in interpreters
            processes |= found
        assert server.end(number) == 0


def test_uvicorn_reloads(folder: Path) -> None:
    """A file that is changed takes effect: the old process ends in order, with its pool."""
    write(folder / "app.py", STARLETTE)
    with serving(folder, "-m", "uvicorn", "app:app", "--fd", "{fd}", "--reload") as server:
        (before,), _ = ask(server)
        server.await_log("Application startup complete")
        server.log = b""
        write(folder / "work.py", WORK.replace("number * number", "number"))
        # The reloader's first look, 0.25 s after its start, may come later than that change.
        for later in range(1, 60):
            os.utime(folder / "work.py", (time() + later, time() + later))
            if server.has_written("Reloading", 1):
                break
        server.await_log("Application shutdown complete")
        assert server.get("/?n=7")[0] == 7
        assert server.get("/?n=7")[1] != before
        assert server.end(signal.SIGINT) == 0


@BOTH
@pytest.mark.parametrize("options", [(), ("--preload",)], ids=["each", "preload"])
@pytest.mark.parametrize("app", [WSGI, USED_BEFORE_THE_FORK], ids=["idle", "used"])
def test_gunicorn(folder: Path, app: str, options: tuple[str, ...], number: signal.Signals) -> None:
    """The pool of a module: made in each process, or before the fork, used there or not."""
    write(folder / "app.py", app)
    command = "-m", "gunicorn", "app:app", "--bind", "fd://{fd}", "--workers", "2", "--threads", "4"
    with serving(folder, *command, *options) as server:
        processes: set[int] = set()
        while len(processes) < 2:
            found, interpreters = ask(server)
            assert 0 not in interpreters
            processes |= found
        assert server.end(number) == 0
