"""Logs slow operations by name. Neither the SQL nor its values, which are users' data, are logged."""

from __future__ import annotations

import logging

from monitor.observer import Observer

logger = logging.getLogger(__name__)


class SlowOperationLog(Observer):
    """Forwards the store's reports to an observer, and logs an operation over `slow_ms`, the waiting time included."""

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
