"""When calls were submitted: memory that the pool writes while it is traced, and workers read.

By the id of a call: when its packing began, and when that had ended, in ns of the monotonic
clock; the number of its first item, for a call of a map; its id, and whether it has a name of its
own. An id that is N higher takes the same place: what is asked for then is not known any more.
"""

import struct

from interpexec._core.cpython import own_builtins

own_builtins(globals())

_COUNT = 1 << 16
_STAMP = struct.Struct("<qqqq")

BYTES = _COUNT * _STAMP.size


def write(
    memory: memoryview,
    call_id: int,
    packing: int,
    submitted: int,
    first: int,
) -> None:
    """Write the stamp of a call. first: of its items, or -1."""
    _STAMP.pack_into(memory, call_id % _COUNT * 32, packing, submitted, first, call_id << 1)


def mark_named(memory: memoryview, call_id: int) -> None:
    """Note that the call has a name of its own, which is behind its pickle."""
    memory[call_id % _COUNT * 32 + 24] |= 1


def read(memory: memoryview, call_id: int) -> tuple[int, int, int, bool]:
    """Return a call's stamp: packing, submitted, first, is named. UNKNOWN where it is gone."""
    packing, submitted, first, known = _STAMP.unpack_from(memory, call_id % _COUNT * 32)
    if known >> 1 != call_id:
        return -1, -1, -1, False
    return packing, submitted, first, bool(known & 1)


def is_named(memory: memoryview, call_id: int) -> bool:
    """Say whether a call that was submitted just now has a name of its own."""
    return bool(memory[call_id % _COUNT * 32 + 24] & 1)
