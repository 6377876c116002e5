"""The resource usage of this process, from the operating system and the interpreter: CPU, memory and its limit, file
descriptors, threads, heap.
"""

from __future__ import annotations

import gc
import os
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path, PurePosixPath

import psutil
from msgspec import Struct

PROC = Path("/proc")
CGROUPS = Path("/sys/fs/cgroup")


class ResourceUsage(Struct, frozen=True):
    """CPU percentages are over the time since the previous sample: `cpu_percent` of one core, `machine_cpu_percent` of
    all cores.

    `heap_blocks`: the blocks that Python's allocator has given out. `heap_young`: the tracked objects that no pass of
    the garbage collector has examined yet.
    """

    cpu_percent: float
    cpu_seconds: float
    machine_cpu_percent: float
    rss_bytes: int
    memory_limit_bytes: int
    open_fds: int
    max_fds: int
    threads: int
    heap_blocks: int
    heap_young: int

    @property
    def memory_percent(self) -> float:
        """Resident memory in per cent of `memory_limit_bytes`."""
        return 100 * self.rss_bytes / self.memory_limit_bytes


class ResourceProbe:
    """Takes samples. One takes some 0.3 ms for any number of connections. `now` is monotonic, in seconds."""

    def __init__(self, *, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._process = psutil.Process()
        self._limit_bytes = memory_limit_bytes(machine_bytes=psutil.virtual_memory().total)
        self._at_s = now()
        self._cpu_s = self._own_cpu_s()
        self._machine = _machine_s()

    def sample(self) -> ResourceUsage:
        """Return the present usage. Raises OSError if no descriptor is left."""
        now_s, cpu_s, machine = self._now(), self._own_cpu_s(), _machine_s()
        passed_s = now_s - self._at_s
        percent = 100 * (cpu_s - self._cpu_s) / passed_s if passed_s > 0 else 0.0
        busy_s, all_s = machine[0] - self._machine[0], machine[1] - self._machine[1]
        self._at_s, self._cpu_s, self._machine = now_s, cpu_s, machine
        with self._process.oneshot():
            rss, threads = self._process.memory_info().rss, self._process.num_threads()
        return ResourceUsage(
            cpu_percent=round(max(0.0, percent), 2),
            cpu_seconds=round(cpu_s, 2),
            machine_cpu_percent=round(min(100.0, max(0.0, 100 * busy_s / all_s)), 2) if all_s > 0 else 0.0,
            rss_bytes=rss,
            memory_limit_bytes=self._limit_bytes,
            open_fds=self._open_fds(),
            max_fds=resource.getrlimit(resource.RLIMIT_NOFILE)[0],
            threads=threads,
            heap_blocks=sys.getallocatedblocks(),
            heap_young=gc.get_count()[0],
        )

    @staticmethod
    def _own_cpu_s() -> float:
        times = os.times()
        return times.user + times.system

    def _open_fds(self) -> int:
        # Since Linux 6.2 the size of this directory is the number of descriptors; listing 10,000 of them takes 5 ms.
        try:
            return os.stat(PROC / "self" / "fd").st_size or self._process.num_fds()
        except FileNotFoundError:  # not on Linux
            return self._process.num_fds()


def _machine_s() -> tuple[float, float]:
    """Return the busy seconds and the total seconds of all cores since the machine's start."""
    times = psutil.cpu_times()
    # Linux counts a guest's time in `user`, too.
    total = sum(times) - getattr(times, "guest", 0.0) - getattr(times, "guest_nice", 0.0)
    return total - times.idle - getattr(times, "iowait", 0.0), total


def memory_limit_bytes(*, machine_bytes: int, proc: Path = PROC, cgroups: Path = CGROUPS) -> int:
    """Return the lowest limit on this process's memory: of its cgroup (v2 or v1), of the cgroup's ancestors, and the
    machine's memory.
    """
    limits = [machine_bytes]
    try:
        lines = (proc / "self" / "cgroup").read_text().splitlines()
    except OSError:
        lines = []
    for line in lines:
        _, controllers, group = line.split(":", 2)
        if controllers == "":
            root, file = cgroups, "memory.max"
        elif "memory" in controllers.split(","):
            root, file = cgroups / "memory", "memory.limit_in_bytes"
        else:
            continue
        path = PurePosixPath(group.lstrip("/"))
        limits += [limit for one in (path, *path.parents) if (limit := _limit(root / one / file)) is not None]
    return min(limits)


def _limit(path: Path) -> int | None:
    try:
        text = path.read_text().strip()
    except OSError:
        return None  # in a container the path may be the host's, and the mounted root is the group itself
    return int(text) if text.isdigit() and int(text) > 0 else None
