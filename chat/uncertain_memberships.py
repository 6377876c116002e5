"""Memberships whose write may have happened although it failed: everybody is told what the store says in the end."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from chat.recheck_requests import MembershipKey, RecheckRequests
from cluster.contract import Bus
from cluster.events import MembershipUncertain
from cluster.topics import EVERYONE
from common.serial_task_queue import SerialTaskQueue
from store.contract import Store
from store.models import Standing

PublishAdded = Callable[[Standing, str], Awaitable[None]]

# When the store is asked again, in deadlines of a write after its failure. A write waits for at most one of them on a
# server; a disk that stalls may hold a commit for longer.
CHECKS_AFTER = (1, 2, 4, 8)
UNCERTAIN_MAX = 1_000  # memberships; past them all memberships are compared once, and a late commit is not awaited


class UncertainMemberships:
    """Has each process compare an uncertain membership with the store: at once, and when its write must have settled.

    A member who began is told of the room once the store shows it. `timeout_s` is the deadline of a write, in seconds.
    """

    def __init__(
        self,
        *,
        store: Store,
        bus: Bus,
        requests: RecheckRequests,
        task_queue: SerialTaskQueue,
        timeout_s: float,
    ) -> None:
        self._store = store
        self._bus = bus
        self._requests = requests
        self._task_queue = task_queue
        self._timeout_s = timeout_s
        self._waiting: dict[MembershipKey, asyncio.TimerHandle] = {}

    def add(self, membership: MembershipKey, publish_added: PublishAdded | None) -> None:
        """A write of this membership failed, and may have happened or may still happen.

        `publish_added` is given where the membership may have begun: it tells the user of the room.
        """
        self._requests.recheck_members([membership])
        known = self._waiting.pop(membership, None)
        if known is not None:
            known.cancel()
        elif len(self._waiting) >= UNCERTAIN_MAX:
            self._requests.recheck_all()
            return
        self._wait(membership, publish_added, 0)

    def _wait(
        self,
        membership: MembershipKey,
        publish_added: PublishAdded | None,
        number: int,
    ) -> None:
        before = CHECKS_AFTER[number - 1] if number else 0
        self._waiting[membership] = asyncio.get_running_loop().call_later(
            (CHECKS_AFTER[number] - before) * self._timeout_s, self._check, membership, publish_added, number
        )

    def _check(
        self,
        membership: MembershipKey,
        publish_added: PublishAdded | None,
        number: int,
    ) -> None:
        del self._waiting[membership]

        async def check() -> None:
            room_id, user_id = membership
            await self._bus.publish(EVERYONE, MembershipUncertain(room_id, user_id))
            if publish_added is None:
                return
            (standing,) = await self._store.members.standings([membership])
            if standing is not None and standing.membership is not None:
                await publish_added(standing, user_id)
                timer = self._waiting.pop(membership, None)
                if timer is not None:
                    timer.cancel()

        if number + 1 < len(CHECKS_AFTER):
            self._wait(membership, publish_added, number + 1)
        self._task_queue.run(check)
