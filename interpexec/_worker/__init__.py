"""The worker: all that runs in its interpreter, and what it and its pool say to each other.

    request queue -> main -> run_call -> reply queue
                       ^
    control channel -> control, a thread beside it: stop, broadcast, look, divide

    wire        the messages, the words of memory that a worker writes, and its states
    bundle      calls that come in one message, and answers that leave in one
    run_call    one call: unpickle, run, pickle its value or its failure
    threads     threads below `threading`, which many workers never import
    stamps      when calls were submitted, for a trace
    trace_ring  lines of a trace, from a worker to its pool
    trace_lines
                what these lines look like
    recorder    a worker that records its calls
    control     the thread that follows the pool's orders, and the one for broadcasts
    outbox      log records and output on their way to the pool
    output      `sys.stdout` and `sys.stderr`, forwarded
    log_records
                log records, forwarded
    log_levels  the levels of loggers: the caller's
    shown_warnings
                warnings, forwarded
    forwarding  which of these a worker forwards
    health      whether calls have damaged the interpreter
    inherited   settings of the interpreter that the program has changed
    retirement  the end of a worker that may run only so many calls
    main        the worker, from its first moment to its last

It imports `_core`; `_sharing` late, since each worker pays for what it imports: a module
costs 0.08 to 0.15 ms. So nouns that every worker needs share a file here.
"""
