"""Large `bytes` objects, taken out of a pickle: imported when a pickle has one.

The C pickler writes an object of more than 64 KiB to its file by itself, without a copy:

    ... BINBYTES <length>  |  the object  |  MEMOIZE ...

The opcode before it is replaced by NEXT_BUFFER (PEP 574), which takes the object from a list
that is given to the unpickler. So the object is copied once: into the other interpreter. No
Python code runs for each object, wherever it is in the argument.
"""

from interpexec._sharing.package import LARGE

_BINBYTES, _BINBYTES8, _FRAME, _NEXT_BUFFER = b"B", b"\x8e", b"\x95", b"\x97"


def take_out(parts: list[bytes], most: int) -> tuple[bytes, list[bytes]]:
    """Return the pickle that was written in `parts`, and at most `most` large `bytes` of it."""
    kept: list[bytes] = []
    buffers: list[bytes] = []
    for part in parts:
        header = _header(kept[-1], part) if kept and len(buffers) < most else 0
        if header:
            kept[-1] = kept[-1][:-header] + _NEXT_BUFFER
            buffers.append(part)
        else:
            kept.append(part)
    return b"".join(kept), buffers


def _header(before: bytes, part: bytes) -> int:
    """Return how many bytes before a part say that it is a large `bytes` object; or 0.

    A frame of opcodes is no such object, whatever the opcodes before it end with.
    """
    size = len(part)
    if size < LARGE or part[:9] == _FRAME + (size - 9).to_bytes(8, "little"):
        return 0
    length = size.to_bytes(8, "little")
    if before[-5:] == _BINBYTES + length[:4]:
        return 5
    return 9 if before[-9:] == _BINBYTES8 + length else 0
