"""Builds what follows a write of a membership, whether it was answered or not."""

from __future__ import annotations

from app.composition.cluster import Cluster
from cache.keys_and_ttls import Keys
from chat.codec import Codec
from chat.membership_updates import MembershipUpdates
from chat.presenter import Presenter
from chat.recheck_requests import RecheckRequests
from chat.uncertain_memberships import UncertainMemberships
from chat.uncertain_writes import UncertainWrites
from store.contract import Store


def build_membership_updates(
    *,
    store: Store,
    shared: Cluster,
    keys: Keys,
    presenter: Presenter,
    codec: Codec,
    requests: RecheckRequests,
    uncertain_writes: UncertainWrites,
) -> MembershipUpdates:
    """Build the parts."""
    uncertain = UncertainMemberships(store=store, bus=shared.bus, requests=requests, writes=uncertain_writes)
    return MembershipUpdates(
        store=store,
        cache=shared.cache,
        keys=keys,
        bus=shared.bus,
        presenter=presenter,
        codec=codec,
        on_uncertain=uncertain.add,
    )
