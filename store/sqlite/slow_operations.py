"""Operations that took long, logged by name.

SQL is the store's own and its values are people's: neither is written down.
"""

from __future__ import annotations

import logging

from monitor.observer import Observer

logger = logging.getLogger(__name__)


class SlowLog(Observer):
    """Passes on what it is told of the store, and logs an operation over `slow_ms`, waiting for its turn included."""

    __slots__ = ("_observer", "_slow_s")

    def __init__(self, *, observer: Observer, slow_ms: float) -> None:
        self._observer = observer
        self._slow_s = slow_ms / 1000

    def store_operation(self, name: str, seconds: float, failure: str | None = None) -> None:
        self._observer.store_operation(name, seconds, failure)
        if seconds > self._slow_s:
            logger.warning("slow operation", extra={"fields": {"operation": name, "ms": int(seconds * 1000)}})

    def store_commit(self, operations: int, seconds: float) -> None:
        self._observer.store_commit(operations, seconds)
