"""Source of code that is in no file, for workers that ask: `inspect.getsource`, tracebacks.

    main interpreter   offer_of(code, globals)   the key of a source, and the address of its text
    worker             identities.sources        all that it was told of
                       register_all(linecache)   `linecache` gets the texts when it is imported

The `linecache` of the main interpreter alone knows what was typed at a prompt, given with `-c` or
run in a notebook's cell. A definition brings the address of the text, some 50 bytes; nobody reads
it until code in the worker imports `linecache`, as `inspect` and `traceback` do. The text stays
where it is until the process ends; `linecache` gives nothing back either.

A worker that has a pool of its own passes on what it was given. Another interpreter offers nothing:
its memory ends with it.
"""

import os
import sys

from interpexec._core import known_source, main_module
from interpexec._core.cpython import current_id, own_builtins
from interpexec._sharing.identities import Recent, codes, sources

own_builtins(globals())

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import CodeType, ModuleType
    from typing import Any

    from interpexec._core.known_source import Key
    from interpexec._sharing.identities import Text

_MOST = 1024  # sources that a worker is told of; files that are looked for
_MOST_BYTES = 1 << 26  # of texts, which stay

_kept: dict[str, bytes] = {}
_weight = [0]  # all of them together
_known_lines: dict[int, tuple[list[str], bytes]] = Recent(_MOST)
_in_files: dict[str, bool] = Recent(_MOST)
_registered: "dict[Key, Text]" = Recent(_MOST)


# -- the caller's side ------------------------------------------------------------------


def offer_of(code: "CodeType", globals_: "dict[str, Any]") -> "tuple[Key, Text] | None":
    """Return the key and the address of the source of some code.

    None where a receiver finds it in a file, or it is not known.
    """
    key = known_source.key_of(code)
    if main_module.is_worker():
        key = key if key in sources else _of_file(key)
        return (key, sources[key]) if key in sources else None
    if current_id() != 0:
        return None
    lines, is_of_code = _lines_of(key, globals_)
    data = _keep(lines) if lines else None
    if data is None:
        return None
    from interpexec._core.addresses import address_of

    return key if is_of_code else _of_file(key), (address_of(data), len(data))


def _of_file(key: "Key") -> "Key":
    """Return the key of all code of a file."""
    return key[0], "", 0


def _lines_of(key: "Key", globals_: "dict[str, Any]") -> tuple[list[str], bool]:
    """Return lines that no file has for a receiver, and whether they are of this code only."""
    filename, _, _ = key
    may_be_file = not filename.startswith("<")
    if _in_files.get(filename) or (not may_be_file and "linecache" not in sys.modules):
        return [], False
    if may_be_file and os.path.exists(filename):  # noqa: PTH110  # pathlib is dear to import
        found: tuple[list[str], bool] = [], False
    else:
        found = known_source.lines_of(key, globals_)
    if may_be_file and not found[0]:
        _in_files[filename] = True
    return found


def _keep(lines: list[str]) -> bytes | None:
    """Return the text of some lines, which stays where it is; None where there are too many."""
    known = _known_lines.get(id(lines))
    if known is not None and known[0] is lines:
        return known[1]
    text = "".join(lines)
    if text not in _kept:
        if _weight[0] > _MOST_BYTES:
            return None
        _kept[text] = text.encode(errors="surrogatepass")
        _weight[0] += len(text)
    _known_lines[id(lines)] = lines, _kept[text]
    return _kept[text]


# -- a worker ---------------------------------------------------------------------------


def register_all(linecache: "ModuleType") -> None:
    """Let `linecache` have all sources of which this worker was told."""
    if not hasattr(linecache, "_register_code"):
        return  # another thread is importing it, and comes then
    for key, text in [*sources.items()]:
        if _registered.get(key) != text:
            _register(linecache, key, text)
            _registered[key] = text


def _register(linecache: "ModuleType", key: "Key", text: "Text") -> None:
    try:
        from interpexec._core.addresses import bytes_at
    except (ImportError, AttributeError):  # built without libffi: see `cancellation.this_thread`
        return
    source = bytes_at(*text).decode(errors="surrogatepass")
    if key == _of_file(key):
        known_source.register(linecache, key[0], source)
        return
    for code in [*codes.values()]:
        if known_source.key_of(code) == key:
            known_source.register(linecache, code, source)
