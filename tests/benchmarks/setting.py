"""The setting of a run: which Python, on what."""

import importlib
import os
import platform
import sys
from collections.abc import Mapping


def setting() -> dict[str, str | int | None]:
    """Return the versions and the platform, and nothing that names the machine."""
    return {
        "implementation": platform.python_implementation(),
        "python": platform.python_version(),
        "build": " ".join(platform.python_build()),
        "compiler": platform.python_compiler(),
        "system": platform.system(),
        "release": platform.release().partition("-")[0],  # what follows names the builder
        "architecture": platform.machine(),
        "cpus": os.cpu_count(),
        "usable_cpus": os.process_cpu_count(),
        "switch_interval_s": str(sys.getswitchinterval()),
        "interpexec": version_of_ours(),
    }


def version_of_ours() -> str | None:
    """Return the version of interpexec, if it is here and tells."""
    try:
        version: str | None = getattr(importlib.import_module("interpexec"), "__version__", None)
    except ImportError:
        return None
    return version


def title(here: Mapping[str, object]) -> str:
    """Return a setting in one line."""
    return "{implementation} {python}, {system} {architecture}, {usable_cpus} CPUs".format(**here)
