"""Facts on which figures depend besides the code (cores, Python, kernel, commit), and the limit of open files."""

from __future__ import annotations

import os
import platform
import resource
import subprocess
from pathlib import Path

import psutil

from bench.errors import BenchError

_SPARE_FILES = 256  # descriptors of a process besides its connections


def facts(root: Path) -> dict[str, object]:
    """The facts by name, for the report."""
    return {
        "cores": os.cpu_count(),
        "memoryBytes": psutil.virtual_memory().total,
        "python": platform.python_version(),
        "implementation": platform.python_implementation(),
        "kernel": f"{platform.system()} {platform.release()} {platform.machine()}",
        "commit": _commit(root),
        "loadBefore": round(os.getloadavg()[0], 2),
    }


def _commit(root: Path) -> str | None:
    try:
        done = subprocess.run(
            ["git", "describe", "--always", "--dirty"],
            cwd=root,
            capture_output=True,
            text=True,
            timeout=10,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() or None if done.returncode == 0 else None


def allow_connections(count: int) -> None:
    """Raise the limit of open files of this process and its children.

    Raises BenchError where the machine forbids it.
    """
    wanted = count + _SPARE_FILES
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return
    try:
        higher = hard if hard == resource.RLIM_INFINITY else max(hard, wanted)
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, higher))
    except (ValueError, OSError) as error:
        raise BenchError(
            f"{count} connections need {wanted} open files a process; this machine allows {hard} (`ulimit -Hn`)"
        ) from error
