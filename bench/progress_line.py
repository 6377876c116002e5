"""A live line on stderr while a scenario runs: rewritten on a terminal, otherwise a line every few seconds."""

from __future__ import annotations

import time
from typing import TextIO

_EVERY_S = 5.0


class ProgressLine:
    """Shows the scenario, its step, the elapsed time and the progress."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._tty = stream.isatty()
        self._started = self._said = time.monotonic()
        self._what = ""

    def begin(self, what: str) -> None:
        """Begin a step, such as `fanout: connecting`."""
        self._what = what
        self._said = float("-inf") if self._tty else self._said
        self.update()

    def update(self, ready: int = 0, deliveries: int = 0) -> None:
        """Set the progress; show it if the last line is old enough."""
        now = time.monotonic()
        if not self._tty and now - self._said < _EVERY_S:
            return
        self._said = now
        line = f"{now - self._started:6.1f} s  {self._what}  {ready:,} ready  {deliveries:,} deliveries"
        self._stream.write(f"\r\x1b[2K{line}" if self._tty else f"{line}\n")
        self._stream.flush()

    def end(self) -> None:
        """Clear the terminal's line."""
        if self._tty:
            self._stream.write("\r\x1b[2K")
            self._stream.flush()
