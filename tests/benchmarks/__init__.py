"""interpexec against the other executors: see README.md beside this file."""
