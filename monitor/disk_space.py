"""The free space of the disk that has the data, identified by a folder on it."""

from __future__ import annotations

import os
import threading
from pathlib import Path

from msgspec import Struct

ANSWERS_WITHIN_S = 0.01


class DiskSample(Struct, frozen=True):
    """`free_bytes`: free without the blocks reserved for root. `size_bytes`: free plus used."""

    free_bytes: int
    size_bytes: int


class DiskProbe:
    """Measures the disk of `folder` with statvfs, on a thread of its own, because a network disk may never answer."""

    def __init__(self, *, folder: Path) -> None:
        self._folder = folder
        self._thread: threading.Thread | None = None
        self._newest: DiskSample | None = None

    def sample(self) -> DiskSample | None:
        """Return the space now; None if the disk does not answer within ANSWERS_WITHIN_S, fails, or has no size."""
        if self._thread is None or not self._thread.is_alive():
            self._newest = None
            self._thread = threading.Thread(target=self._run, name="disk", daemon=True)
            self._thread.start()
        self._thread.join(ANSWERS_WITHIN_S)
        return None if self._thread.is_alive() else self._newest

    def _run(self) -> None:
        self._newest = self._measured()

    def _measured(self) -> DiskSample | None:
        try:
            stat = os.statvfs(self._folder)
        except OSError:
            return None  # the store reports the same error
        free = stat.f_bavail * stat.f_frsize
        size = (stat.f_blocks - stat.f_bfree) * stat.f_frsize + free
        return DiskSample(free, size) if size > 0 else None
