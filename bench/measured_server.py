"""The server under measurement, as seen from outside: where it listens, what CPU and memory its process has used."""

from __future__ import annotations

import contextlib
import time

import msgspec
import psutil

from bench.errors import BenchError
from bench.rest_client import Address
from bench.stream_client.dialect import Dialect

_SCHEDULER_CLOCK = 2  # CPUCLOCK_SCHED: the clock of clock_getcpuclockid(3) counts nanoseconds, /proc hundredths of a s


class MeasuredServer(msgspec.Struct, frozen=True):
    """`process` is None where only the URL is known; then CPU time and memory are unknown, too.

    `dialect`: how to talk to a server that is none of ours; None: as the contract says.
    """

    address: Address
    process: psutil.Process | None
    dialect: Dialect | None = None

    def cpu_s(self) -> float | None:
        """User and system time of the process so far, all its threads. Raises BenchError where it has ended."""
        if self.process is None:
            return None
        try:
            times = self.process.cpu_times()
        except psutil.Error as error:
            raise BenchError(f"the server died: {error}") from error
        with contextlib.suppress(OSError):
            return time.clock_gettime(~self.process.pid << 3 | _SCHEDULER_CLOCK)
        return float(times.user + times.system)

    def rss_bytes(self) -> int | None:
        """Resident memory. Raises BenchError where the process has ended."""
        if self.process is None:
            return None
        try:
            return int(self.process.memory_info().rss)
        except psutil.Error as error:
            raise BenchError(f"the server died: {error}") from error

    def descriptors(self) -> int | None:
        """Open files and sockets. Raises BenchError where the process has ended."""
        if self.process is None:
            return None
        try:
            return int(self.process.num_fds())
        except psutil.Error as error:
            raise BenchError(f"the server died: {error}") from error
