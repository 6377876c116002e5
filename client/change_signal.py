"""A signal that something changed, awaited by who needs a condition to hold."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


class ChangeSignal:
    """Notified by the code that changes something; wakes all who wait for it, or for its `parent`."""

    def __init__(self, parent: ChangeSignal | None = None) -> None:
        self._parent = parent
        self._waiting: set[asyncio.Future[None]] = set()

    def notify(self) -> None:
        """Something changed: those who wait look at their conditions again."""
        for one in self._waiting:
            if not one.done():
                one.set_result(None)
        if self._parent is not None:
            self._parent.notify()

    async def until(self, condition: Callable[[], object]) -> None:
        """Wait until the condition holds."""
        while not condition():
            changed = asyncio.get_running_loop().create_future()
            self._waiting.add(changed)
            try:
                await changed
            finally:
                self._waiting.discard(changed)
