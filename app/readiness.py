"""Whether a load balancer may send traffic to this process: the answer of /health/ready."""

from __future__ import annotations

import asyncio
import time

from chat.connections.connection_pool import Pool
from store.contract import Store
from store.errors import StoreError

READY_EVERY_S = 1.0
READY_WITHIN_S = 2.0  # probes commonly time out later than this


class Readiness:
    """Not ready before `started`, while the pool drains, and while the store does not answer."""

    def __init__(self, *, pool: Pool, store: Store) -> None:
        self._pool = pool
        self._store = store
        self._asked_at = 0.0
        self._not_ready: str | None = "starting"

    def started(self) -> None:
        """Note that the process is about to listen."""
        self._not_ready = None

    async def ready(self) -> str | None:
        """None when ready, else the reason. The store is pinged once in READY_EVERY_S at most."""
        if self._pool.is_draining:
            return "draining"
        if time.monotonic() - self._asked_at >= READY_EVERY_S:
            self._asked_at = time.monotonic()
            try:
                async with asyncio.timeout(READY_WITHIN_S):
                    await self._store.ping()
                self._not_ready = None
            except (StoreError, TimeoutError) as error:
                self._not_ready = f"store: {str(error) or 'no answer'}"
        return self._not_ready
