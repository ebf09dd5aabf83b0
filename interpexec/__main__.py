"""`python -m interpexec`: the same as the script `interpexec`."""

import sys

from interpexec.cli import main

if __name__ == "__main__":
    sys.exit(main())
