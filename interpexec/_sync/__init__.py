"""Locks, queues and channels for threads of all interpreters.

    wait_queue     the threads that sleep in a monitor, and how they are woken
    monitor        words of shared memory that one thread at a time may change
    base           what all of them are made of
    locks          Lock, RLock, semaphores
    conditions     Event, Condition
    barriers       Barrier
    ring           messages in a mapped file
    shared_queue   a bounded queue of messages: what channels and queues are made of
    queue          `queue.Queue`, for all interpreters

It imports `_core`, `_sharing` and `buffers`.
"""
