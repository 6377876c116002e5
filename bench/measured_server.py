"""The server under measurement, as seen from outside: where it listens, what CPU and memory its process has used."""

from __future__ import annotations

import msgspec
import psutil

from bench.errors import BenchError
from bench.rest_client import Address


class MeasuredServer(msgspec.Struct, frozen=True):
    """`process` is None where only the URL is known; then CPU time and memory are unknown, too."""

    address: Address
    process: psutil.Process | None

    def cpu_s(self) -> float | None:
        """User and system time of the process so far, all its threads. Raises BenchError where it has ended."""
        if self.process is None:
            return None
        try:
            times = self.process.cpu_times()
        except psutil.Error as error:
            raise BenchError(f"the server died: {error}") from error
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
