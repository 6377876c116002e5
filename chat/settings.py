"""A user's own settings: read, and changed by a merge patch, which the user's connections hear of."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import UNSET, structs

from chat.codec import Codec
from chat.errors import invalid
from chat.events import SettingsUpdated
from chat.request_inputs.settings import PatchSettings
from chat.request_results.settings import SettingsView
from cluster.contract import Bus
from cluster.events import UserEvent
from cluster.topics import user_topic
from store.contract import Store
from store.merge_patch import difference

DEPTH_MAX = 32  # objects and lists within each other, in `client`


class Settings:
    """The use cases of settings."""

    def __init__(self, *, store: Store, bus: Bus, codec: Codec) -> None:
        self._store = store
        self._bus = bus
        self._codec = codec

    async def get(self, user_id: str) -> SettingsView:
        """Return the user's settings. Raises StoreError."""
        return _view(await self._store.settings.get(user_id))

    async def update(self, user_id: str, patch: PatchSettings) -> SettingsView:
        """Merge a patch into the user's settings and send what it changed to the user's connections.

        Raises ChatError validation_failed (`client` is nested too deeply); TooLarge, StoreError.
        """
        given = {name: value for name, value in structs.asdict(patch).items() if value is not UNSET}
        if _depth_of(given) > DEPTH_MAX + 1:  # `given` itself is one
            raise invalid(client=f"takes values that are nested {DEPTH_MAX} deep at most")
        change = await self._store.settings.merge(user_id, given)
        after = _view(change.after)
        changed = difference(structs.asdict(_view(change.before)), structs.asdict(after))
        if changed:
            event = self._codec.event(SettingsUpdated(changed))
            self._bus.publish(user_topic(user_id), UserEvent(user_id, event))
        return after


def _view(stored: Mapping[str, Any]) -> SettingsView:
    known = SettingsView.__struct_fields__  # a newer program, before a roll-back, may have stored more
    return SettingsView(**{name: value for name, value in stored.items() if name in known})


def _depth_of(value: object) -> int:
    """How many objects and lists are within each other. Without recursion, for a client chooses the depth."""
    depth, level = 0, [value]
    while level := [
        inner
        for outer in level
        if isinstance(outer, dict | list)
        for inner in (outer.values() if isinstance(outer, dict) else outer)
    ]:
        depth += 1
    return depth
