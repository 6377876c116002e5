"""SIGTERM and SIGINT end the bench: they raise SystemExit, so that everything it started is stopped."""

from __future__ import annotations

import signal
import sys
from types import FrameType


class StopSignals:
    """A signal raises SystemExit, with the exit code 128 plus its number, in whatever code runs at that moment.

    Python only prints an exception that is raised in a finalizer or in a callback of its import system. `check` raises
    it again.
    """

    def __init__(self) -> None:
        self._code: int | None = None

    def listen(self) -> None:
        """Install the handlers. Must be called in the main thread."""
        for number in (signal.SIGTERM, signal.SIGINT):
            if signal.getsignal(number) is not signal.SIG_IGN:  # a shell ignores SIGINT for programs in the background
                signal.signal(number, self._on_signal)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        self._code = 128 + number
        self.check()

    def check(self) -> None:
        """Raises SystemExit if a signal has come."""
        if self._code is not None:
            sys.exit(self._code)
