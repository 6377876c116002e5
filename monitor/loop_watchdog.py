"""Logs what blocks the event loop: a thread reads the stack of the loop's thread when the loop has long been late.

Only file, line and function are logged, never a value: frames may contain a message or a token.
"""

from __future__ import annotations

import logging
import sys
import threading
import time
from collections.abc import Callable
from pathlib import PurePath
from types import FrameType

BLOCKED_S = 0.25
CHECK_AGAIN_S = 0.05  # while the loop is blocked and that is reported already
FRAMES_MAX = 40

log = logging.getLogger(__name__)


class LoopWatchdog:
    """Logs once, while it lasts, each time the loop is blocked for over `blocked_s`; then calls `on_blocked()` on the
    watchdog's thread.

    `late_since_s` returns since when the loop would be late, in seconds of the monotonic clock (see LoopLag). `start`
    must be called on the loop's thread.
    """

    def __init__(
        self, *, late_since_s: Callable[[], float], on_blocked: Callable[[], None], blocked_s: float = BLOCKED_S
    ) -> None:
        self._late_since_s = late_since_s
        self._on_blocked = on_blocked
        self._blocked_s = blocked_s
        self._ending = threading.Event()
        self._thread: threading.Thread | None = None
        self._watched = 0

    def start(self) -> None:
        self._watched = threading.get_ident()
        self._thread = threading.Thread(target=self._watch, name="watchdog", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Idempotent."""
        self._ending.set()
        if self._thread is not None:
            self._thread.join(1.0)
            self._thread = None

    def _watch(self) -> None:
        """Run on the thread of the watchdog."""
        reported_s = 0.0
        wait_s = self._blocked_s
        began_s = time.monotonic()
        while not self._ending.wait(wait_s):
            now_s, since_s = time.monotonic(), self._late_since_s()
            # If this thread woke up late as well, the whole process or machine was stopped.
            held_up = now_s - began_s - wait_s > self._blocked_s
            if held_up:
                reported_s = since_s  # nor reported at the next check, which may come before the loop's next turn
            elif now_s - since_s >= self._blocked_s and since_s != reported_s:
                reported_s = since_s
                self._report(now_s - since_s)
            # Sleep until the loop can be late by `blocked_s`: each wake-up takes the interpreter from the loop.
            wait_s = max(CHECK_AGAIN_S, since_s + self._blocked_s - now_s)
            began_s = now_s

    def _report(self, seconds: float) -> None:
        frame = sys._current_frames().get(self._watched)
        fields = {"ms": int(seconds * 1000), "stack": " < ".join(places(frame))}
        log.warning("event loop blocked", extra={"fields": fields})
        try:
            self._on_blocked()
        except Exception:  # it would end the thread
            log.exception("a block of the event loop was not counted")


def places(frame: FrameType | None) -> list[str]:
    """Return `folder/file.py:line function` for a frame and its callers, the innermost first."""
    found: list[str] = []
    while frame is not None and len(found) < FRAMES_MAX:
        code = frame.f_code
        found.append(f"{'/'.join(PurePath(code.co_filename).parts[-2:])}:{frame.f_lineno} {code.co_name}")
        frame = frame.f_back
    return found
