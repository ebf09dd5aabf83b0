"""Lets `test_conformance.py` import the package beside it."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parent))
