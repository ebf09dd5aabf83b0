"""Bytes are read by their address, from any interpreter of the process."""

import pytest

from gates import TIME_LIMIT
from interpexec import InterpreterPoolExecutor
from interpexec._core.addresses import address_of, bytes_at

pytestmark = pytest.mark.fast


@pytest.mark.parametrize("data", [b"", b"\0", b"some bytes", bytes(range(256)) * 1000])
def test_bytes_of_the_main_interpreter(data: bytes) -> None:
    """All of them, and no more, here and in a worker."""
    place = address_of(data), len(data)
    assert bytes_at(*place) == data
    with InterpreterPoolExecutor(1) as pool:
        assert pool.submit(bytes_at, *place).result(TIME_LIMIT) == data
