"""The progress bar of a command that takes long."""

from __future__ import annotations

import contextlib
import shutil
import time
from collections.abc import Callable
from typing import TextIO

_WIDTH = 40  # characters of the bar, where the terminal has room for it
_EVERY_S = 0.05


class ProgressBar:
    """A progress bar on one line of a terminal. On a stream that is no terminal: one line for each finished part, or
    nothing with `plain=False`. `now` is monotonic, in seconds.
    """

    def __init__(self, stream: TextIO, *, plain: bool = True, now: Callable[[], float] = time.monotonic) -> None:
        self._stream = stream
        self._is_terminal = stream.isatty()
        self._plain = plain
        self._now = now
        self._shown: tuple[str, float] | None = None  # the part, and when

    def show(self, what: str, done: int, total: int) -> None:
        """Show how much of a part is done; not more often than an eye can follow."""
        share = min(1.0, done / total) if total else 1.0
        if self._is_terminal:
            now = self._now()
            if share < 1.0 and self._shown is not None and self._shown[0] == what and now < self._shown[1] + _EVERY_S:
                return
            self._shown = what, now
            self._draw(f"{what:24} ", share, f" {done:,} of {total:,}")
        elif share == 1.0 and self._plain:
            self._write(f"{what}: {done:,} of {total:,}\n")

    def _draw(self, before: str, share: float, after: str) -> None:
        columns = shutil.get_terminal_size().columns
        width = min(_WIDTH, columns - len(before) - len(after) - 3)
        full = int(share * width)
        bar = f"[{'#' * full}{'.' * (width - full)}]" if width > 0 else ""
        self._write(f"\r\x1b[2K{(before + bar + after)[: columns - 1]}")

    def end(self) -> None:
        """Clear the terminal's line."""
        if self._is_terminal:
            self._write("\r\x1b[2K")

    def _write(self, text: str) -> None:
        with contextlib.suppress(OSError):  # a terminal that was closed is no reason to give the work up
            self._stream.write(text)
            self._stream.flush()
