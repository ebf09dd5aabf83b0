"""A program that ends: `ends_program.py EXECUTOR WAY ACTIVITY SECONDS FILE`, run by `ends`.

It tells through its pipe: `c` for each call that is owed, `d` for each that is done, `r` when
the moment has come, `a` for each `atexit`.
"""

import atexit
import os
import sys

from activities import ACTIVITIES, Scene, make_pool
from endings import WAYS, Play

BUFFERED = "buffered"


def main() -> None:
    """End."""
    executor, way, activity, seconds, path, told, heard = sys.argv[1:]
    for number in (told, heard):
        os.set_inheritable(int(number), False)
    scene = Scene(int(told), float(seconds), make_pool(executor))
    atexit.register(os.write, scene.told, b"a")  # C code: a second signal cannot get into it
    file = open(path, "w", encoding="utf-8")  # noqa: SIM115  # it is Python's to flush it
    scene.kept.append(file)
    for stream in (file, sys.stdout):
        stream.write(BUFFERED)
    KEPT.append(scene)
    WAYS[way].act(Play(scene, ACTIVITIES[activity]))


KEPT: list[Scene] = []
"""Scenes that live as long as the program does."""

if __name__ == "__main__":
    main()
