"""Handing an event to whoever receives them in this process: what a receiver raises reaches no publisher."""

from __future__ import annotations

import logging
from typing import Any

from cluster.contract import Receiver

log = logging.getLogger(__name__)


class Delivery:
    """Of failures in a row only the first is logged."""

    def __init__(self) -> None:
        self._failing = False

    def __call__(self, receiver: Receiver | None, topic: str, event: Any) -> None:
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
