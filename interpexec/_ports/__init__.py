"""Ports: other libraries' ways to ask for parallel work, on a pool of interpreters.

The parts of `interpexec.pool.Pool`, in the words of `multiprocessing`:

    failures     the exceptions that its users expect
    callbacks    the thread that runs callbacks, one after another
    results      `AsyncResult`, and `MapResult` of many chunks
    imap         the iterators of `imap` and `imap_unordered`
    feeders      the threads that read the iterables of these

The backend of `interpexec.joblib`, in the words of joblib:

    joblib_worker    running a batch; joblib in a worker
    joblib_backend   what joblib calls

The executor of `interpexec.dask`, in the words of dask.distributed:

    dask_worker      running a task; distributed in a worker
    dask_executor    the executor that dask asks

They use the executor as any program does. Workers import `joblib_worker` or `dask_worker`, and for
a `Pool` `_map/plain_chunk.py`.
"""
