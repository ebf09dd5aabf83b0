"""asyncio: the parts of `interpexec.aio`. They belong to the thread of an event loop.

    ending       the end of a pool, without blocking the loop
    feeder       reading asynchronous iterables into a map, in a task
    request      the arguments, checked
    group        calls that end together, and can be awaited
    opening      waiting for the calls of a map, and opening them
    iterators    the asynchronous iterators over the results of a map

It imports `_pool`, `_map` and what stands below them; and the executor, which imports `ending`
late.
"""
