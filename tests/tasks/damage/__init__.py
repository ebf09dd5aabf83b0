"""Calls that damage the interpreter that runs them, for `pool/test_damage.py`.

Each function of the modules that `ways` lists is one way: its name says what it does, and it is
run in a worker. They are grouped by what they damage:

    streams     standard streams
    imports     `sys.path`, finders, `sys.modules`, `__import__`
    library     `builtins`, and the modules by which an interpreter pickles
    hooks       what it calls by itself: trace functions, audit hooks, the garbage collector
    exceptions  limits that are exceeded, exceptions and results that explode
    threads     threads that are left, or thrown at; `os`, `time`, `signal`
    package     the modules and classes of `interpexec` in the worker

Beside them are `exploding`, what the ways leave behind, and `good_faith`, what is no damage.
"""
