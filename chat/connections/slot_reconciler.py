"""The slots that Redis holds for this process, compared with its connections, slice by slice: when Redis is back, and
on a timer.

A connection that ends while Redis is away, or in the moment in which it goes, cannot give its slot back: without this
its user would be refused until the slot's TTL ends. Likewise a slot that Redis forgot is taken again, so that the cap
holds.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from typing import Protocol

from cluster.contract import ConnectionSlots

log = logging.getLogger(__name__)

RECONCILE_EVERY_S = 60.0
USERS_A_SLICE = 100  # asked in one write: some 2 ms of the loop


class Connected(Protocol):
    """What the pool tells of its users."""

    def users(self) -> Iterable[str]:
        """Who has a connection here, or is being admitted."""

    def slots_of(self, user_id: str) -> list[str]:
        """The connections of a user for which there may be a slot."""


class SlotReconciler:
    """One pass at a time, by one task."""

    def __init__(self, *, pool: Connected, connection_slots: ConnectionSlots) -> None:
        self._pool = pool
        self._connection_slots = connection_slots
        self._task: asyncio.Task[None] | None = None
        self._again = False

    def start(self) -> None:
        """Begin a pass; where one is under way, another after it."""
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._work())
        else:
            self._again = True

    async def close(self) -> None:
        """End what is under way."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _work(self) -> None:
        try:
            while True:
                self._again = False
                if freed := await self._pass():
                    log.info(
                        "connection slots", extra={"fields": {"freed": freed, "because": "their connections are gone"}}
                    )
                if not self._again:
                    return
        except Exception:
            log.exception("the slots of connections could not be compared")
        finally:
            self._task = None

    async def _pass(self) -> int:
        """Returns how many slots were freed.

        Where the backend goes away meanwhile it ends: its return begins another.
        """
        users = list(dict.fromkeys((*self._connection_slots.unsure(), *self._pool.users())))
        freed = 0
        for start in range(0, len(users), USERS_A_SLICE):
            # Read when it is sent: commands reach the backend in their order, so no later admission or departure is
            # undone.
            told = await self._connection_slots.reconcile(
                [(one, self._pool.slots_of(one)) for one in users[start : start + USERS_A_SLICE]]
            )
            if told is None:
                break
            freed += told
        return freed
