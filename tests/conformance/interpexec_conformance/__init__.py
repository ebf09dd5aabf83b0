"""CPython's own `test_concurrent_futures`, run unmodified against interpexec.

    in the Python that asks          in a temporary environment of that Python
    run.py, test_conformance.py
      plan         which modules     finder        substitutes our class, in each
      environment  makes it, and                   of its interpreters
                   starts ─────────▶ inside        runs one module
      report       counts      ◀──── journal       writes what becomes of each test
                                     adapters      thread pool cases on our pool
                                     gates         events that cross interpreters

Imported in every interpreter of that environment: keep this file empty of code.
"""
