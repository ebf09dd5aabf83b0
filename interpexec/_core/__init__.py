"""The ground of both sides of a pool: the runtime, waiting, messages, cancellation.

    unpatched        real threads, where gevent or eventlet has replaced them
    cpython          the private modules of CPython, and all that depends on its version
    support          messages about a Python that is not as it should be
    descriptors      making descriptors, none with the number of a standard stream
    signals          signals to the process, while a thread starts
    thread           a thread whose start takes none of them
    sigint           KeyboardInterrupt, kept out of the middle of things
    memory_tracing   `tracemalloc`, kept off where interpreters begin and end
    waiting          deadlines, spinning, wake-ups
    message_queue    messages between interpreters, and the receivers that sleep
    handles          descriptors that an interpreter owns, and gives back
    destructors      destructors that wait until their thread has left a monitor
    capi             raising an exception in another thread of the same interpreter
    addresses        bytes of another interpreter, read where they are
    cancellation     stopping one call in the middle, and no other one
    current_call     the call that is running, as it sees itself
    current_worker   the worker that runs it
    refused_imports  extension modules that could not be loaded
    known_source     the source that `linecache` has of code
    main_module      the program's `__main__` in a worker
    error_text       objects in error messages
    late_errors      two errors that need more of the standard library

Everything may import it. It imports the standard library and `errors`.
"""
