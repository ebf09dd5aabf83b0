# What type checkers and editors see of the package. `__init__.py` imports these at their
# first use; tests/test_package.py compares the two.
from interpexec import aio as aio
from interpexec import buffers as buffers
from interpexec import channels as channels
from interpexec import dask as dask
from interpexec import errors as errors
from interpexec import executor as executor
from interpexec import joblib as joblib
from interpexec import pool as pool
from interpexec import sharing as sharing
from interpexec import sync as sync
from interpexec._core.current_call import Task as Task
from interpexec._core.current_call import cancelled as cancelled
from interpexec._core.current_call import current_task as current_task
from interpexec._core.current_call import shield as shield
from interpexec._core.current_worker import Worker as Worker
from interpexec._core.current_worker import current_worker as current_worker
from interpexec._default_pool import run as run
from interpexec._map.feed import Feed as Feed
from interpexec._map.outcome import Batch as Batch
from interpexec._map.outcome import Outcome as Outcome
from interpexec._map.results import Results as Results
from interpexec._pool.future import CallFuture as CallFuture
from interpexec._pool.group import Group as Group
from interpexec._pool.introspection import WorkerInfo as WorkerInfo
from interpexec._pool.stats import PoolStats as PoolStats
from interpexec._pool.stats import WorkerStats as WorkerStats
from interpexec._pool.trace import Trace as Trace
from interpexec.buffers import SharedBuffer as SharedBuffer
from interpexec.channels import RecvChannel as RecvChannel
from interpexec.channels import SendChannel as SendChannel
from interpexec.channels import create_channel as create_channel
from interpexec.errors import BrokenInterpreterPool as BrokenInterpreterPool
from interpexec.errors import ChannelClosedError as ChannelClosedError
from interpexec.errors import ChannelEmptyError as ChannelEmptyError
from interpexec.errors import ChannelFullError as ChannelFullError
from interpexec.errors import ExecutionFailed as ExecutionFailed
from interpexec.errors import NotShareableError as NotShareableError
from interpexec.errors import TaskCancelled as TaskCancelled
from interpexec.errors import TokenError as TokenError
from interpexec.errors import WorkerLostError as WorkerLostError
from interpexec.executor import InterpreterPoolExecutor as InterpreterPoolExecutor

__version__: str

__all__ = [
    "Batch",
    "BrokenInterpreterPool",
    "CallFuture",
    "ChannelClosedError",
    "ChannelEmptyError",
    "ChannelFullError",
    "ExecutionFailed",
    "Feed",
    "Group",
    "InterpreterPoolExecutor",
    "NotShareableError",
    "Outcome",
    "PoolStats",
    "RecvChannel",
    "Results",
    "SendChannel",
    "SharedBuffer",
    "Task",
    "TaskCancelled",
    "TokenError",
    "Trace",
    "Worker",
    "WorkerInfo",
    "WorkerLostError",
    "WorkerStats",
    "cancelled",
    "create_channel",
    "current_task",
    "current_worker",
    "run",
    "shield",
]
