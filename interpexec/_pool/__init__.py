"""The pool: all that runs in the interpreter which made it.

    submit -> scheduler -> dispatch -> link -> workers
                                        |
    future <-------- collector <--------+

The parts of a pool, from the ground up:

    parking          sleeping until another thread of this interpreter says so
    process_end      the end of a process with workers that cannot be stopped
    call_states      the states of a call: a table
    done_callbacks   which callbacks may block, and calling them
    stdlib_waiting   `concurrent.futures.wait()`, made interruptible
    tally            counts of what has become of calls
    owner            the part of a scheduler that futures use
    future           the future of a call
    call_ends        how calls end that no worker answers
    clock            when the collector has to look at the time
    lending          what was lent to other interpreters, and how much may be
    slots            what each worker is doing
    forwarded        log records and output of workers
    settings         the options of a pool
    options          the options of calls
    link             the queues between a pool and its workers
    control_channel  orders for one worker, while it runs a call
    process_hooks    exit and fork
    wake_signal      the signal that gets a thread out of a system call
    worker_thread    the thread that owns a worker's interpreter
    workers          which workers there are, and in which state
    bundles          short calls, several in a message
    call_table       which calls wait, and which are with the workers
    leader           threads that take turns as the collector

The state of a pool, and the moves that change it:

    state            what the parts share, under one lock
    refusals         extension modules that workers could not load
    stopping         orders to stop calls that workers have
    dispatch         workers for the calls, and calls for the workers
    losses           workers that were lost, and pools that break
    cancelling       cancelling one call, late calls, all calls
    direct_wait      waiting for one call in the collector's stead
    collector        replies in, futures settled
    retries          calls that are run again when they have failed
    control_calls    broadcasts, stacks, the items of a call
    fork_rest        a pool steps aside for a fork
    scheduler        what the executor and the maps call

Beside the scheduler, for the executor:

    ending           the end of a pool, for the thread that waits for it
    group            calls that end together
    bounded          a `submit` that waits while too much is pending
    call_pickler     calls that are sent with something beside them
    arguments        the checks of public arguments
    monitored        the methods of the executor that say
    option_checks    the checks of the options of calls
    stats            the counts of a pool, for people to read
    trace_file       the file of a trace
    trace            tracing a pool
    introspection    what the workers are doing, for people to read

It imports `_core`, `_sharing`, and of `_worker` what both sides share.
"""
