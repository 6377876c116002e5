"""Compares the slots that Redis holds for this process with its connections, in slices: after Redis was lost, and on a
timer.

A connection that ends while Redis is lost, or at that moment, cannot give its slot back, and its user would be refused
until the slot's TTL ends. A slot that Redis has forgotten is taken again, so that the cap holds.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from typing import Protocol

from cluster.contract import ConnectionSlots

log = logging.getLogger(__name__)

RECONCILE_EVERY_S = 60.0
USERS_A_SLICE = 100  # in one request: some 2 ms of the loop


class Connected(Protocol):
    """What the reconciler asks of the pool."""

    def users(self) -> Iterable[str]:
        """The ids of the users who have a connection here, or are being admitted."""

    def slots_of(self, user_id: str) -> list[str]:
        """The ids of a user's connections that need a slot."""


class SlotReconciler:
    """Makes one pass at a time, in one task."""

    def __init__(self, *, pool: Connected, connection_slots: ConnectionSlots) -> None:
        self._pool = pool
        self._connection_slots = connection_slots
        self._task: asyncio.Task[None] | None = None
        self._again = False

    def start(self) -> None:
        """Begin a pass; if one is under way, another follows it."""
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._work())
        else:
            self._again = True

    async def close(self) -> None:
        """Cancel the pass under way."""
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

        Ends early if Redis is lost; a new pass begins when it is back.
        """
        users = list(dict.fromkeys((*self._connection_slots.unconfirmed_users(), *self._pool.users())))
        freed = 0
        for start in range(0, len(users), USERS_A_SLICE):
            # The connections are read when the request is sent. Redis executes requests in their order, so no later
            # admission or departure is undone.
            freed_now = await self._connection_slots.reconcile(
                [(one, self._pool.slots_of(one)) for one in users[start : start + USERS_A_SLICE]]
            )
            if freed_now is None:
                break
            freed += freed_now
        return freed
