"""Locks, queues and channels for threads of all interpreters.

    wait_queue     the threads that sleep in a monitor, and how they are woken
    monitor        words of shared memory that one thread at a time may change
    base           the common parts of locks: being sent, checks of arguments, time
    locks          Lock, RLock, semaphores
    conditions     Event, Condition
    barriers       Barrier
    ring           messages in a mapped file
    message        an object as bytes in a ring
    shared_queue   a bounded queue of messages, and its steps in a monitor
    queue_end      an end of a shared queue: what channels and queues hold
    queue          `queue.Queue`, for all interpreters

It imports `_core`, `_sharing` and `buffers`.
"""
