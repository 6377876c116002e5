"""The progress bar of a command that takes minutes."""

from __future__ import annotations

from typing import TextIO

_WIDTH = 40  # characters


class ProgressBar:
    """A progress bar on one line of a terminal. On a stream that is no terminal: one line for each finished part."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._is_terminal = stream.isatty()

    def show(self, what: str, done: int, total: int) -> None:
        """Show how much of a part is done."""
        share = min(1.0, done / total) if total else 1.0
        if self._is_terminal:
            full = int(share * _WIDTH)
            bar = "#" * full + "." * (_WIDTH - full)
            self._stream.write(f"\r\x1b[2K{what:22} [{bar}] {done:,} of {total:,}")
            self._stream.flush()
        elif share == 1.0:
            self._stream.write(f"{what}: {done:,} of {total:,}\n")

    def end(self) -> None:
        """Clear the terminal's line."""
        if self._is_terminal:
            self._stream.write("\r\x1b[2K")
            self._stream.flush()
