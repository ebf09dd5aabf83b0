"""Maps: many items in few calls.

    iterables -> reader -> backlog -> chunks -> workers -> outcomes -> iterators

    outcomes     the values and the failures of a chunk
    hand_back    the items that a call has not begun, and cutting them off
    run_chunk    running a chunk, in the worker
    plain_chunk  running a chunk of a given size that is one call, in the worker
    chunk_size   how many items the next call gets
    items        items that were read, in a form in which they can be sent
    outcome      what became of one item, for users
    provenance   what is kept of the items of a call that has ended: errors name them
    backlog      the items that are in no call yet
    chunk_list   the chunks, in the order of their items, and the states of one
    divider      the items that a call hands back become chunks of their own
    lifecycle    the stages of a map, and the table of its moves
    call_maker   the calls that are made of a function and items
    progress_line  a line on a terminal, a widget in a notebook
    progress     how far a map is, told while it runs
    request      the arguments of a map, checked
    inlet        items that come one by one, in the iterables' place
    reader       reading the iterables
    asks         asking workers for what their calls have not begun
    job          one map, from its iterables to its outcomes
    opening      opening a call that has ended
    window       how much of a feed may be in flight
    halting      when failures are enough
    feed_job     a map whose items are put in, and whose results go out early
    feed         the object that a program puts items in, and takes outcomes out
    results      what they return, for users: an iterator that can be closed
    iterators    the iterators of `map`, `imap_unordered` and `outcomes`
    via_submit   maps through a `submit` that a program has replaced
    methods      the methods of an executor that make maps, and their types

It imports `_pool` and what stands below it. `outcomes`, `hand_back`, `run_chunk` and
`plain_chunk` run in workers, and import no more than those may.
"""
