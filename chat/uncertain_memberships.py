"""Memberships whose write may have happened although it failed: everybody is told what the store says in the end."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from chat.recheck_requests import MembershipKey, RecheckRequests
from chat.uncertain_writes import UncertainWrites
from cluster.contract import Bus
from cluster.events import MembershipUncertain
from cluster.topics import EVERYONE
from store.contract import Store
from store.models import Standing

PublishAdded = Callable[[Standing, str], Awaitable[None]]


class UncertainMemberships:
    """Has each process compare an uncertain membership with the store: at once, and when its write must have settled.

    A member who began is told of the room once the store shows it.
    """

    def __init__(self, *, store: Store, bus: Bus, requests: RecheckRequests, writes: UncertainWrites) -> None:
        self._store = store
        self._bus = bus
        self._requests = requests
        self._writes = writes

    def add(self, membership: MembershipKey, publish_added: PublishAdded | None) -> None:
        """A write of this membership failed, and may have happened or may still happen.

        `publish_added` is given where the membership may have begun: it tells the user of the room. Where too many are
        uncertain, all memberships are compared once, and a late commit is not awaited.
        """
        room_id, user_id = membership

        async def check() -> bool:
            self._bus.publish(EVERYONE, MembershipUncertain(room_id, user_id))
            if publish_added is None:
                return False
            (standing,) = await self._store.members.standings([membership])
            if standing is None or standing.membership is None:
                return False
            await publish_added(standing, user_id)
            return True

        self._requests.recheck_members([membership])
        if not self._writes.add(membership, check):
            self._requests.recheck_all()
