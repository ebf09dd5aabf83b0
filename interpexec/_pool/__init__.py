"""The pool: all that runs in the interpreter which made it.

    submit -> scheduler -> link -> workers
                  ^          |
    future <- collector <----+

    parking          sleeping until another thread of this interpreter says so
    process_end      the end of a process with workers that cannot be stopped
    future           the future of a call, and the table of its states
    clock            when the collector has to look at the time
    lending          what was lent to other interpreters, and how much may be
    slots            what each worker is doing
    link             the queues between a pool and its workers
    call_table       which calls wait, and which are with the workers
    process_hooks    exit and fork
    wake_signal      the signal that gets a thread out of a system call
    control_channel  orders for one worker, while it runs a call
    worker_thread    the thread that owns a worker's interpreter
    workers          which workers there are, and in which state
    stopping         stopping calls: cancelled, or out of time
    leader           threads that take turns as the collector
    fork_rest        a pool steps aside for a fork
    direct_wait      waiting for one call in the collector's place
    scheduler        the state of a pool, and its moves
    arguments        the checks of public arguments
    introspection    what the workers are doing, for people to read

It imports `_core`, `_sharing`, and of `_worker` what both sides share.
"""
