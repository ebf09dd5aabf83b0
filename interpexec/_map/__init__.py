"""Maps: many items in few calls.

    iterables -> items -> job -> chunks -> workers -> outcomes -> iterators

    outcomes     what became of the items of a chunk
    chunk        running a chunk, in the worker
    chunk_size   how many items the next call gets
    items        items that were read, fit to be sent
    job          the items of one map: what waits, what is out, what came back
    iterators    the iterators of `map` and `imap_unordered`
    via_submit   maps through a `submit` that somebody has replaced

It imports `_pool` and what stands below it. `outcomes` and `chunk` run in workers, and
import no more than those may.
"""
