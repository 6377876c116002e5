"""Builds what follows a write of a membership, whether it was answered or not."""

from __future__ import annotations

from app.composition.common_parts import CommonParts
from chat.membership_updates import MembershipUpdates
from chat.recheck_requests import RecheckRequests
from chat.uncertain_memberships import UncertainMemberships
from chat.uncertain_writes import UncertainWrites


def build_membership_updates(
    common: CommonParts, *, requests: RecheckRequests, uncertain_writes: UncertainWrites
) -> MembershipUpdates:
    """Build the parts."""
    store, bus = common.store, common.bus
    uncertain = UncertainMemberships(store=store, bus=bus, requests=requests, writes=uncertain_writes)
    return MembershipUpdates(
        store=store,
        cache=common.cache,
        keys=common.keys,
        bus=bus,
        presenter=common.presenter,
        codec=common.codec,
        on_uncertain=uncertain.add,
    )
