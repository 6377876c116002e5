"""A room on one process: what the bus brings meets what is read from the store, and who is over is let go of."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from cache.bus import MemoryBus
from cache.events import RoomMessages
from handlers.chat import hub as hub_module
from handlers.chat.hub import Hub
from handlers.chat.protocol import encode
from monitor.hooks import Observer
from store import sqlite
from store.contract import Store
from store.models import MessageDraft, RoomDraft, Stored


class Interrupted:
    """In the place of the store's messages: something happens between a page's read and its answer, once."""

    def __init__(self, store: Store, meanwhile: Callable[[], Awaitable[None]]) -> None:
        self.messages, self.rooms, self.changes = self, store.rooms, store.changes
        self._store = store
        self._meanwhile: Callable[[], Awaitable[None]] | None = meanwhile

    async def page(self, room_id: str, **keywords: Any) -> Any:
        page = await self._store.messages.page(room_id, **keywords)
        if "after" in keywords and self._meanwhile is not None and page.messages:
            meanwhile, self._meanwhile = self._meanwhile, None
            await meanwhile()
        return page


class Subscriber:
    """One whose link is on its way to its end, and then over."""

    user_id = "u1"

    def __init__(self) -> None:
        self.link = self
        self.is_open = self.is_over = False


def hub_on(store: Any) -> Hub:
    return Hub(
        store=store,
        bus=MemoryBus(),
        frame=lambda payload: payload,
        observer=Observer(),
        coalesce=True,
        hold_max_bytes=1_000_000,
    )


@pytest.mark.gen_test
async def test_only_who_is_over_is_dropped_by_a_clean_up_not_who_is_closing(tmp_path: Path) -> None:
    store = await sqlite.open_store(tmp_path, timeout_s=60, group_commit=True, observer=Observer(), now_ms=lambda: 1_700_000_000_000)
    ada = await store.users.create(username="ada", email="ada@example.com", password_hash="x")
    room = (await store.rooms.create(RoomDraft("A room", None, False, 10), ada.id)).room
    hub = hub_on(store)
    subscriber: Any = Subscriber()
    try:
        channel = await hub.hold(room.id)
        hub.register(channel, subscriber)
        assert hub.go_live(channel, subscriber, None)
        assert hub.drop_closed() == 0
        subscriber.is_over = True
        assert hub.drop_closed() == 1
        assert hub.drop_closed() == 0
    finally:
        await hub.close()
        await store.close()


@pytest.mark.gen_test
async def test_what_came_by_the_bus_while_the_gap_below_it_was_read_is_taken_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub_module, "HOLD_S", 3_600.0)
    store = await sqlite.open_store(tmp_path, timeout_s=60, group_commit=True, observer=Observer(), now_ms=lambda: 1_700_000_000_000)
    ada = await store.users.create(username="ada", email="ada@example.com", password_hash="x")
    room = (await store.rooms.create(RoomDraft("A room", None, False, 10), ada.id)).room

    async def say(client_id: str) -> RoomMessages:
        (stored,) = await store.messages.append(room.id, [MessageDraft(ada.id, ada.username, "hello", client_id)])
        assert isinstance(stored, Stored)
        return RoomMessages(room.id, stored.message.seq, (encode(stored.message),))

    async def meanwhile() -> None:
        hub.on_messages(await say("c2"))
        hub.on_messages(await say("c3"))

    hub = hub_on(Interrupted(store, meanwhile))
    try:
        channel = await hub.hold(room.id)
        await say("c1")  # unheard
        await hub.refresh(channel)
        assert channel.seq == 3
    finally:
        await hub.close()
        await store.close()
