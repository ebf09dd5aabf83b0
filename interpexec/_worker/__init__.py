"""The worker: all that runs in its interpreter, and what it and its pool say to each other.

    request queue -> main -> run_call -> reply queue
                       ^
    control channel -> control, a thread beside it: stop, broadcast, look, divide

    wire       the messages, and the words of memory that a worker writes
    run_call   one call: unpickle, run, pickle what became of it
    threads    threads below `threading`, which many workers never import
    control    the thread that follows the pool's orders
    health     whether calls have damaged the interpreter
    main       the worker, from its first moment to its last

It imports `_core`; `_sharing` late, since each worker pays for what it imports.
"""
