"""Stand in the way of cloudpickle, for programs that are run as if it were not installed."""

raise ImportError("made absent by the tests")
