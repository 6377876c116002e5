"""Measures the pauses of the garbage collector."""

from __future__ import annotations

import contextlib
import gc
import time
from collections.abc import Callable, Mapping


class GcPauses:
    """`on_pause(generation, seconds)` is called after each pass of the collector, on whichever thread it ran."""

    def __init__(
        self, *, on_pause: Callable[[int, float], None], clock: Callable[[], float] = time.perf_counter
    ) -> None:
        self._on_pause = on_pause
        self._clock = clock
        self._began_s = 0.0

    def start(self) -> None:
        gc.callbacks.append(self._on_pass)

    def stop(self) -> None:
        """Idempotent."""
        with contextlib.suppress(ValueError):
            gc.callbacks.remove(self._on_pass)

    def _on_pass(self, phase: str, about: Mapping[str, int]) -> None:
        # Passes do not overlap: CPython starts none while one is running.
        if phase == "start":
            self._began_s = self._clock()
        elif self._began_s:
            self._on_pause(about["generation"], self._clock() - self._began_s)
            self._began_s = 0.0
