"""What most parts of the chat are built of."""

from __future__ import annotations

import msgspec

from app.composition.cluster import Cluster
from app.settings import Settings
from cache.contract import Cache
from cache.keys_and_ttls import Keys
from chat.codec import Codec
from chat.presenter import Presenter
from cluster.contract import Bus
from store.contract import Store


class CommonParts(msgspec.Struct, frozen=True, kw_only=True):
    """The finished parts that the builders of the others are given."""

    settings: Settings
    store: Store
    shared: Cluster
    keys: Keys
    codec: Codec
    presenter: Presenter

    @property
    def bus(self) -> Bus:
        return self.shared.bus

    @property
    def cache(self) -> Cache:
        return self.shared.cache

    @property
    def store_timeout_s(self) -> float:
        """The deadline of a write."""
        return self.settings.store.timeout_ms / 1000
