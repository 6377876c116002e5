"""Builds what follows a write of a membership, whether it was answered or not."""

from __future__ import annotations

from app.composition.cluster import Cluster
from app.settings import Settings
from cache.keys_and_ttls import Keys
from chat.codec import Codec
from chat.membership_updates import MembershipUpdates
from chat.presenter import Presenter
from chat.recheck_requests import RecheckRequests
from chat.uncertain_memberships import UncertainMemberships
from common.serial_task_queue import SerialTaskQueue
from store.contract import Store


def build_membership_updates(
    settings: Settings,
    *,
    store: Store,
    shared: Cluster,
    keys: Keys,
    presenter: Presenter,
    codec: Codec,
    requests: RecheckRequests,
    task_queue: SerialTaskQueue,
) -> MembershipUpdates:
    """Build the parts. `task_queue` is that of the membership recheck, since it waits for the store."""
    uncertain = UncertainMemberships(
        store=store,
        bus=shared.bus,
        requests=requests,
        task_queue=task_queue,
        timeout_s=settings.store.timeout_ms / 1000,
    )
    return MembershipUpdates(
        store=store,
        cache=shared.cache,
        keys=keys,
        bus=shared.bus,
        presenter=presenter,
        codec=codec,
        on_uncertain=uncertain.add,
    )
