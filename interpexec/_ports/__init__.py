"""Ports: other libraries' ways to ask for parallel work, on a pool of interpreters.

The parts of `interpexec.pool.Pool`, in the words of `multiprocessing`:

    failures     the exceptions that its users expect
    callbacks    the thread that runs callbacks, one after another
    results      `AsyncResult`, and `MapResult` of many chunks
    imap         the iterators of `imap` and `imap_unordered`
    feeders      the threads that read the iterables of these

They use the executor as any program does. Nothing here is imported by workers: the functions
that run there are in `_map/plain_chunk.py`.
"""
