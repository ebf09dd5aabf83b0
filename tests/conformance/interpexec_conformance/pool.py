"""Stands in for `concurrent.futures.interpreter`: the same names, our classes."""

from interpexec import BrokenInterpreterPool, InterpreterPoolExecutor

__all__ = ["BrokenInterpreterPool", "InterpreterPoolExecutor"]
