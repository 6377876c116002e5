"""Calls the receiver of bus events: an exception of it is logged and does not reach the publisher."""

from __future__ import annotations

import logging

from cluster.contract import Receiver

log = logging.getLogger(__name__)


class ReceiverGuard:
    """Logs only the first of several failures in a row."""

    def __init__(self) -> None:
        self._failing = False

    def __call__(self, receiver: Receiver | None, topic: str, event: object) -> None:
        if receiver is None:
            return
        try:
            receiver(topic, event)
        except Exception:
            if not self._failing:
                self._failing = True
                log.exception("the receiver of bus events failed on %s", type(event).__name__)
        else:
            self._failing = False
