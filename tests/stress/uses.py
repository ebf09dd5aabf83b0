"""The uses of the package that `interrupts` interrupts, by name: each is one public call."""

from collections.abc import Callable
from typing import Any

from use import Fresh, PoolUse, Portable, PortableFresh, Use
from uses_between import (
    Barrier,
    Buffers,
    Channel,
    ChannelsMade,
    Echo,
    Event,
    Get,
    Locks,
    Queue,
    Tokens,
)
from uses_of_loops import (
    Asyncio,
    AsyncioMaking,
    PortableAsyncio,
    aio_group,
    aio_imap,
    aio_map,
    aio_map_arriving,
    async_with,
    run_in_executor,
)
from uses_of_pools import (
    CancelRunning,
    Expire,
    broadcast,
    callback,
    cancel,
    drop,
    dump_stacks,
    file,
    group,
    group_fails,
    imap_all,
    imap_some,
    large,
    leave_with,
    limited,
    look,
    many,
    map_all,
    map_buffered,
    map_some,
    result,
    shared,
    shut_down,
    shut_down_at_once,
    submit,
    terminate,
    view,
    wait_for_all,
    warm,
)

type Maker = Callable[[Callable[..., Any]], Use]

USES: dict[str, Maker] = {
    **{
        name: lambda make, step=step: Portable(make, step)  # type: ignore[misc]
        for name, step in {
            "result": result, "submit": submit, "cancel": cancel, "wait": wait_for_all,
            "callback": callback, "many": many, "large": large, "map": map_all,
            "map some": map_some,
        }.items()
    },
    **{
        name: lambda make, step=step: PoolUse(make, step)  # type: ignore[misc]
        for name, step in {
            "time limit": limited, "view": view, "file": file, "shared": shared,
            "broadcast": broadcast, "workers": look, "dump_stacks": dump_stacks,
            "group": group, "group fails": group_fails,
            "map buffered": map_buffered, "imap": imap_all, "imap some": imap_some,
        }.items()
    },
    **{
        name: lambda make, step=step: PortableFresh(make, step)  # type: ignore[misc]
        for name, step in {
            "shutdown": shut_down, "shutdown at once": shut_down_at_once, "with": leave_with,
            "drop": drop,
        }.items()
    },
    "warm": lambda make: Fresh(make, warm),
    "terminate": lambda make: Fresh(make, terminate),
    **{
        name: lambda make, name=name, places=places: Locks(make, name, *places)  # type: ignore[misc]
        for name, places in {
            "Lock": (), "RLock": (), "Condition": (), "Semaphore": (3,), "BoundedSemaphore": (3,),
        }.items()
    },
    "cancel running": CancelRunning,
    "time is over": Expire,
    "channel": lambda _: Channel(),
    "channel echo": Echo,
    "channels made": lambda _: ChannelsMade(),
    "queue join": Queue,
    "queue get": lambda _: Get(),
    "Event": lambda _: Event(),
    "Barrier": lambda _: Barrier(),
    "buffers": lambda _: Buffers(),
    "tokens": lambda _: Tokens(),
    "run_in_executor": lambda make: PortableAsyncio(make, run_in_executor),
    "aio.map": lambda make: Asyncio(make, aio_map),
    "aio.imap_unordered": lambda make: Asyncio(make, aio_imap),
    "aio.group": lambda make: Asyncio(make, aio_group),
    "aio.map of what arrives": lambda make: Asyncio(make, aio_map_arriving),
    "async with": lambda make: AsyncioMaking(make, async_with),
}  # fmt: skip
