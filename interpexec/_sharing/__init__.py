"""Sending objects to another interpreter: pickles and out-of-band data.

    object -> pickling -> bytes, or a Package: a pickle and its out-of-band data -> object

    entries         descriptors and the like: their owners, and how they are given back
    packing         what a thread is packing, as reducers see it
    package         a pickle and its out-of-band data
    unpickling      what was sent, made an object again
    pickle_opcodes  large bytes, taken out of a pickle
    hints           what to do where an object cannot be sent
    diagnose        which part of an object cannot be sent
    stdlib_types    sockets, files, memory: types that pickle refuses, or copies
    exceptions      exceptions, whatever their classes are like
    importable      which modules a worker can import
    sentinels       objects that are only themselves: `object()`
    reducers        how pickle reduces each type: the protocol, and what was registered
    import_path     entries of `sys.path` that were added after workers had started
    pickler         pickling an object, and collecting its out-of-band data
    unavailable     what could not be imported for a definition
    identities      keys of functions and classes
    source_texts    source of code that is in no file, for workers that ask
    rebuilding      definitions that have arrived: functions, and their globals
    new_classes     classes that have arrived
    new_objects     other objects that pickle does not know
    new_typing      type parameters and aliases that have arrived
    names_read      the globals that code reads
    annotations     annotations, and the classes that strings among them name
    imports_inside  imports inside functions, of modules that only the program can import
    loading         modules that are loaded from a file where no worker looks
    bindings        the names of globals, by what they are bound to
    changes         changes to what a definition was made of
    records         what is known of functions and classes that were sent
    classes         the parts of a class that is sent
    typing_parts    type variables, aliases, markers of dataclasses
    context_variables
                    how a context variable is sent
    by_value        what is sent by value, and pickled how
    functions       the parts of a function that is sent
    unsendable      why a definition cannot be sent
    stream          a definition with the globals that it needs, as bytes
    after_run       calls for a worker that runs the program again
    tries           how a definition is written: the first way that succeeds
    definitions     functions and classes that are sent by value
    bound           functions in a context of their own
    function_names  the names of functions, for people to read
    asyncio_calls   calls as asyncio makes them
    pickling        the ladder: the ways to pickle a call, a result or a message
    context_values  the values of context variables, sent with a call
    flatten         a package as bytes alone, for messages in shared memory
    tokens          bytes that name an object which waits for its receiver
    source_lines    source lines for a traceback, of code that is in no file
    unloadable      arguments that cannot be unpickled: their modules cannot be imported
    notes           notes on what a call raised: what to do about it
    raised          what a call raised, with its traceback

It imports `_core`, and `buffers`, which stands between `package` and `stdlib_types`.
"""
