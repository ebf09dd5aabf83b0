"""Sending objects to another interpreter: pickles and out-of-band data.

    object -> pickling -> bytes, or a Package: a pickle and its out-of-band data -> object

    entries         descriptors and the like: their owners, and how they are given back
    packing         what a thread is packing, as reducers see it
    package         a pickle and its out-of-band data
    unpickling      what was sent, made an object again
    pickle_opcodes  large bytes, taken out of a pickle
    diagnose        which part of an object cannot be sent
    stdlib_types    sockets, files, memory: types that pickle refuses, or copies
    exceptions      exceptions, whatever their classes are like
    reducers        how pickle reduces each type: the protocol, and what was registered
    pickler         pickling an object, and collecting its out-of-band data
    functions       functions: by name, or by value
    pickling        the ladder: the ways to pickle a call, a result or a message
    flatten         a package as bytes alone, for messages in shared memory
    tokens          bytes that name an object which waits for its receiver
    raised          what a call raised, with its traceback

It imports `_core`, and `buffers`, which stands between `package` and `stdlib_types`.
"""
