"""What keeps the process within bounds, whatever an image makes its decoder do (on Linux; elsewhere, part of it)."""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import signal
import sys
from pathlib import Path

MEMORY_MAX_BYTES = 1 << 30
"""Of address space: an image of PIXELS_MAX takes some 700 MB while it is turned and encoded."""
CPU_MAX_S = 10
"""Of one job, at least: the kernel counts in whole seconds, and ends the process past it."""
OUTPUT_MAX_BYTES = 256 << 20
NICE = 5  # so that an upload does not keep the server from its other clients on a machine with few cores

_PR_SET_PDEATHSIG = 1
_PR_SET_NO_NEW_PRIVS = 38


def die_with(parent_pid: int) -> None:
    """Have the kernel end this process with its parent; ends it at once where the parent is gone already."""
    # What is sent to all of a service or a terminal is the server's: it ends this process when its uploads are done
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if sys.platform == "linux":
        libc = ctypes.CDLL(None)
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    if os.getppid() != parent_pid:
        sys.exit(0)


def confine(*, job_descriptors: int) -> None:
    """Bound memory, output and descriptors for good. To be called when everything is imported.

    After it the process can open nothing: there is room for the descriptors of one job and none besides.
    """
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_MAX_BYTES, MEMORY_MAX_BYTES))
    resource.setrlimit(resource.RLIMIT_FSIZE, (OUTPUT_MAX_BYTES, OUTPUT_MAX_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with contextlib.suppress(OSError):  # where a service may not
        os.nice(NICE)
    with contextlib.suppress(OSError):  # the first that goes where memory is short, instead of the server
        Path("/proc/self/oom_score_adj").write_text("1000")
    free = [os.dup(0) for _ in range(job_descriptors)]
    for descriptor in free:
        os.close(descriptor)
    bound = max(free) + 1
    resource.setrlimit(resource.RLIMIT_NOFILE, (bound, bound))


def begin_job() -> None:
    """Allow CPU_MAX_S from now on: past it the kernel ends the process."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
    resource.setrlimit(resource.RLIMIT_CPU, (int(used.ru_utime + used.ru_stime) + 1 + CPU_MAX_S, hard))
