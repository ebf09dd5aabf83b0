"""What can be sent to another interpreter, and how.

    object -> pickling -> bytes, or a Package: a pickle and its out-of-band data -> object

    package        a pickle, its large bytes, views of memory, and descriptors
    reducers       how pickle reduces each type: the protocol, and what is registered
    functions      functions: by name, or by value
    pickling       the ladder of ways for calls, results, and what is sent by itself
    stdlib_types   sockets, files, memory: what pickle refuses, or copies
    exceptions     exceptions, whatever their classes are like
    raised         what a call raised, with its traceback
    flatten        a package as nothing but bytes, for what waits in shared memory
    tokens         bytes that name an object which waits for its receiver
    diagnose       which part of an object cannot be sent

It imports `_core`, and `buffers`, which stands between `package` and `stdlib_types`.
"""
