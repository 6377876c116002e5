"""A room on one process: what the bus brings meets what is read from the store, and who is over is let go of."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from cache.message_page import Page
from chat.delivery import gap_repair
from chat.delivery.event_order import changed_event
from chat.delivery.room_hub import Hub
from cluster.events import RoomChanges, RoomMessages
from cluster.memory_bus import MemoryBus
from handlers.codec.json_codec import JsonCodec
from handlers.codec.json_encoding import encode
from monitor.observer import Observer
from store import sqlite
from store.contract import Store
from store.models import Actor, Change, Head, MessageDraft, RoomDraft, RoomPatch, Stored
from tests.support.actors import ADMIN


class InterruptedStore:
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


class StuckStore:
    """In the place of the store's messages: the first page above a seq is not read until the test says so."""

    def __init__(self, store: Store) -> None:
        self.messages, self.rooms, self.changes = self, store.rooms, store.changes
        self._store = store
        self.asked = 0
        self.go = asyncio.Event()

    async def page(self, room_id: str, **keywords: Any) -> Any:
        if "after" in keywords:
            self.asked += 1
            if self.asked == 2:  # the first is the opening's own
                await self.go.wait()
        return await self._store.messages.page(room_id, **keywords)


class OpeningStore:
    """In the place of the store's messages: a room is being opened, and its messages are read, until the test says so.

    `meanwhile` happens after the first read of a page.
    """

    def __init__(self, store: Store, meanwhile: Callable[[], Awaitable[None]]) -> None:
        self.messages, self.rooms, self.changes = self, store.rooms, store.changes
        self._store = store
        self._meanwhile = meanwhile
        self.reads_on = asyncio.Event()
        self.go = asyncio.Event()

    async def page(self, room_id: str, **keywords: Any) -> Any:
        if "after" in keywords:
            self.reads_on.set()
            await self.go.wait()
            return await self._store.messages.page(room_id, **keywords)
        page = await self._store.messages.page(room_id, **keywords)
        await self._meanwhile()
        return page


class Listener:
    """One who keeps what it is sent, as (event, data)."""

    user_id = "u1"

    def __init__(self) -> None:
        self.link = self
        self.is_open = True
        self.is_over = False
        self.received: list[tuple[str, Any]] = []

    def send(self, frame: bytes) -> None:
        text, decoder = frame.decode(), json.JSONDecoder()
        while text:
            found, end = decoder.raw_decode(text)
            self.received.append((found["event"], found["data"]))
            text = text[end:]

    send_ephemeral = send


class Subscriber:
    """One whose link is on its way to its end, and then over."""

    user_id = "u1"

    def __init__(self) -> None:
        self.link = self
        self.is_open = self.is_over = False


def hub_on(store: Any, bus: MemoryBus | None = None) -> Hub:
    return Hub(
        store=store,
        bus=bus or MemoryBus(),
        codec=JsonCodec(),
        frame=lambda payload: payload,
        observer=Observer(),
        coalesce=True,
        hold_max_bytes=1_000_000,
    )


@pytest.mark.gen_test
async def test_only_who_is_over_is_dropped_by_a_clean_up_not_who_is_closing(tmp_path: Path) -> None:
    store = await sqlite.open_store(
        tmp_path, timeout_s=60, group_commit=True, observer=Observer(), now_ms=lambda: 1_700_000_000_000
    )
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
    monkeypatch.setattr(gap_repair, "HOLD_S", 3_600.0)
    store = await sqlite.open_store(
        tmp_path, timeout_s=60, group_commit=True, observer=Observer(), now_ms=lambda: 1_700_000_000_000
    )
    ada = await store.users.create(username="ada", email="ada@example.com", password_hash="x")
    room = (await store.rooms.create(RoomDraft("A room", None, False, 10), ada.id)).room

    async def say(client_id: str) -> RoomMessages:
        (stored,) = await store.messages.append(room.id, [MessageDraft(ada.id, ada.username, "hello", client_id)])
        assert isinstance(stored, Stored)
        return RoomMessages(room.id, stored.message.seq, (encode(stored.message),))

    async def meanwhile() -> None:
        hub.on_messages(await say("c2"))
        hub.on_messages(await say("c3"))

    hub = hub_on(InterruptedStore(store, meanwhile))
    try:
        channel = await hub.hold(room.id)
        await say("c1")  # unheard
        await hub.refresh(channel)
        assert channel.seq == 3
    finally:
        await hub.close()
        await store.close()


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(30):
        while not condition():
            await asyncio.sleep(0.001)  # the poll's pace


async def listening(hub: Hub, room_id: str) -> tuple[Any, Any]:
    """A listener who is live in the room, and the room's channel."""
    one: Any = Listener()
    channel = await hub.hold(room_id)
    hub.register(channel, one)
    assert hub.go_live(channel, one, None)
    hub.release(channel)
    await asyncio.sleep(0)
    await asyncio.sleep(0)  # the opening lets go of it two turns later
    await asyncio.sleep(0)
    return one, channel


class StoredRoom:
    """A room in a store of the test's own, and what one says there."""

    def __init__(self, store: Store, room_id: str, user: Any) -> None:
        self.store = store
        self.id = room_id
        self.user = user
        self._said = 0

    async def say(self) -> RoomMessages:
        """Store a message; returns what would be published."""
        self._said += 1
        draft = MessageDraft(self.user.id, self.user.username, "hello", f"c{self._said}")
        (stored,) = await self.store.messages.append(self.id, [draft])
        assert isinstance(stored, Stored)
        return RoomMessages(self.id, stored.message.seq, (encode(stored.message),))


@asynccontextmanager
async def room_in(folder: Path) -> AsyncIterator[StoredRoom]:
    store = await sqlite.open_store(
        folder, timeout_s=60, group_commit=True, observer=Observer(), now_ms=lambda: 1_700_000_000_000
    )
    try:
        ada = await store.users.create(username="ada", email="ada@example.com", password_hash="x")
        yield StoredRoom(store, (await store.rooms.create(RoomDraft("A room", None, False, 10), ada.id)).room.id, ada)
    finally:
        await store.close()


@pytest.mark.gen_test
async def test_a_heal_of_a_room_that_was_closed_meanwhile_keeps_its_next_opening_from_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gap_repair, "HOLD_S", 0.0)
    async with room_in(tmp_path) as room:
        store = StuckStore(room.store)
        hub = hub_on(store)
        first, _ = await listening(hub, room.id)
        await room.say()  # unheard
        hub.on_messages(await room.say())
        await until(lambda: store.asked == 2)  # the gap is read, and that takes its time
        hub.leave(room.id, first)
        second, channel = await listening(hub, room.id)
        await room.say()  # unheard, too
        hub.on_messages(await room.say())
        await until(lambda: channel.seq == 4)
        store.go.set()
        await until(lambda: not hub.is_delivering(room.id))
        assert [data["seq"] for _, data in second.received] == [3, 4]
        assert first.received == []
        await hub.close()


@pytest.mark.gen_test
async def test_what_a_room_held_when_it_was_closed_does_not_hold_up_its_next_opening(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with room_in(tmp_path) as room:
        hub = hub_on(room.store)
        monkeypatch.setattr(gap_repair, "HOLD_S", 3_600.0)
        first, _ = await listening(hub, room.id)
        await room.say()
        hub.on_messages(await room.say())  # held
        assert hub.is_delivering(room.id)
        hub.leave(room.id, first)
        assert not hub.is_delivering(room.id)
        monkeypatch.setattr(gap_repair, "HOLD_S", 0.0)
        second, channel = await listening(hub, room.id)
        await room.say()
        hub.on_messages(await room.say())
        await until(lambda: channel.seq == 4 and not hub.is_delivering(room.id))
        assert [data["seq"] for _, data in second.received] == [3, 4]
        await hub.close()


@pytest.mark.gen_test
async def test_what_was_healed_is_told_as_what_it_was(tmp_path: Path) -> None:
    async with room_in(tmp_path) as room:
        hub = hub_on(room.store)
        (batch,) = [await room.say()]
        one, channel = await listening(hub, room.id)
        message_id = json.loads(batch.events[0])["id"]
        messages = room.store.messages
        await messages.edit(message_id, "good day", actor=ADMIN)
        await messages.react(message_id, "👍", actor=Actor(room.user.id), on=True)
        await messages.react(message_id, "👍", actor=Actor(room.user.id), on=False)
        await messages.edit(message_id, "good night", actor=ADMIN)
        await hub.check_heads()
        await until(lambda: channel.rev == 4 and not hub.is_delivering(room.id))
        await messages.delete(message_id, actor=ADMIN)
        await hub.check_heads()
        await until(lambda: channel.rev == 5 and not hub.is_delivering(room.id))
        names = ["messageEdited", "reactionUpdated", "reactionUpdated", "messageEdited", "messageDeleted"]
        assert [name for name, _ in one.received] == names
        assert [(data["rev"], data["message"]["rev"]) for _, data in one.received] == [
            (rev, rev) for rev in range(1, 6)
        ]
        await hub.close()


def change_event(change: Change) -> RoomChanges:
    assert change.message is not None
    event = changed_event(change, encode(change.message), codec=JsonCodec())
    return RoomChanges(change.message.room_id, ((change.rev, event),))


@pytest.mark.gen_test
async def test_a_change_of_a_message_that_did_not_come_yet_waits_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gap_repair, "HOLD_S", 3_600.0)
    async with room_in(tmp_path) as room:
        hub = hub_on(room.store)
        one, channel = await listening(hub, room.id)
        said = await room.say()
        message_id = json.loads(said.events[0])["id"]
        edited = await room.store.messages.edit(message_id, "edited", actor=ADMIN)
        hub.on_changes(change_event(Change(1, edited.message)))
        assert (channel.rev, one.received) == (0, [])
        hub.on_messages(said)
        await until(lambda: len(one.received) == 2)
        assert [name for name, _ in one.received] == ["receiveMessage", "messageEdited"]
        assert (channel.seq, channel.rev) == (1, 1)
        await hub.close()


@pytest.mark.gen_test
async def test_a_change_whose_message_was_lost_is_told_after_the_message_was_read(tmp_path: Path) -> None:
    async with room_in(tmp_path) as room:
        hub = hub_on(room.store)
        one, channel = await listening(hub, room.id)
        message_id = json.loads((await room.say()).events[0])["id"]
        edited = await room.store.messages.edit(message_id, "edited", actor=ADMIN)
        hub.on_changes(change_event(Change(1, edited.message)))
        await until(lambda: channel.rev == 1 and not hub.is_delivering(room.id))
        assert [name for name, _ in one.received] == ["receiveMessage", "messageEdited"]
        await hub.close()


@pytest.mark.gen_test
async def test_the_ring_has_messages_as_they_now_are(tmp_path: Path) -> None:
    async with room_in(tmp_path) as room:
        hub = hub_on(room.store)
        _, channel = await listening(hub, room.id)
        batches = [await room.say() for _ in range(3)]
        for batch in batches:
            hub.on_messages(batch)
        second = json.loads(batches[1].events[0])["id"]
        deleted = await room.store.messages.delete(second, actor=ADMIN)
        hub.on_changes(change_event(Change(1, deleted.message)))
        contents = [json.loads(message)["content"] for message in channel.ring.after(0) or ()]
        assert len(contents) == 3
        assert [content is None for content in contents] == [False, True, False]
        await hub.close()


@pytest.mark.gen_test
async def test_settings_that_the_bus_did_not_bring_are_told_once_in_order_and_as_they_are(tmp_path: Path) -> None:
    async with room_in(tmp_path) as room:
        hub = hub_on(room.store)
        (batch,) = [await room.say()]
        one, channel = await listening(hub, room.id)
        ada = Actor(room.user.id)
        await room.store.rooms.update(room.id, ada, RoomPatch(name="First"))
        await room.store.messages.edit(json.loads(batch.events[0])["id"], "good day", actor=ADMIN)
        await room.store.rooms.update(room.id, ada, RoomPatch(name="Second"))
        await hub.check_heads()
        await until(lambda: channel.rev == 3 and not hub.is_delivering(room.id))
        assert [name for name, _ in one.received] == ["messageEdited", "roomUpdated"]
        shown = one.received[1][1]["room"]
        assert (shown["name"], shown["rev"], "role" in shown) == ("Second", 3, False)
        await hub.check_heads()
        await until(lambda: not hub.is_delivering(room.id))
        assert len(one.received) == 2
        await hub.close()


@pytest.mark.gen_test
async def test_the_newest_page_is_of_an_open_room_and_no_longer_than_asked(tmp_path: Path) -> None:
    async with room_in(tmp_path) as room:
        hub = hub_on(room.store)
        try:
            assert hub.newest_page(room.id, 2) is None, "nobody is in it"
            await listening(hub, room.id)
            assert hub.newest_page(room.id, 2) == Page((), 0, 0, False)
            said = [await room.say() for _ in range(3)]
            for one in said:
                hub.on_messages(one)
            texts = [one.events[0] for one in said]
            assert hub.newest_page(room.id, 2) == Page(tuple(texts[1:]), 3, 0, True)
            assert hub.newest_page(room.id, 3) == Page(tuple(texts), 3, 0, False)
            hub.forget_recent_messages()
            assert hub.newest_page(room.id, 1) is None, "the ring is empty"
            hub.on_messages(await room.say())
            assert hub.newest_page(room.id, 1) is not None
            assert hub.newest_page(room.id, 2) is None
        finally:
            await hub.close()


@pytest.mark.gen_test
async def test_there_is_no_newest_page_after_the_bus_was_lost_until_it_is_known_what_it_lost(tmp_path: Path) -> None:
    async with room_in(tmp_path) as room:
        hub = hub_on(room.store)
        try:
            await listening(hub, room.id)
            lost = await room.say()
            hub.bus_restored()
            assert hub.newest_page(room.id, 10) is None
            await hub.check_heads()
            await until(lambda: not hub.is_delivering(room.id))
            assert hub.newest_page(room.id, 10) == Page((lost.events[0],), 1, 0, False)
        finally:
            await hub.close()


@pytest.mark.gen_test
async def test_there_is_no_newest_page_while_a_room_opens_for_it_may_lack_what_was_posted_here_meanwhile(
    tmp_path: Path,
) -> None:
    async with room_in(tmp_path) as room:
        said: list[RoomMessages] = []

        async def meanwhile() -> None:
            said.append(await room.say())
            hub.on_messages(said[0])  # as the bus does before the ack: nobody is in the room yet

        store = OpeningStore(room.store, meanwhile)
        hub = hub_on(store)
        opening = asyncio.ensure_future(listening(hub, room.id))
        try:
            await store.reads_on.wait()
            assert hub.newest_page(room.id, 10) is None
            store.go.set()
            await opening
            assert hub.newest_page(room.id, 10) == Page((said[0].events[0],), 1, 0, False)
        finally:
            store.go.set()
            await opening
            await hub.close()


@pytest.mark.gen_test
async def test_there_is_no_newest_page_while_something_is_missing_and_the_head_counts_what_is_held(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gap_repair, "HOLD_S", 3_600.0)
    async with room_in(tmp_path) as room:
        hub = hub_on(room.store)
        try:
            await listening(hub, room.id)
            first, second = await room.say(), await room.say()
            hub.on_messages(second)
            assert hub.newest_page(room.id, 1) is None
            assert hub.head_of(room.id) == Head(2, 0)
            hub.on_messages(first)
            page = hub.newest_page(room.id, 1)
            assert page is not None and page.last_seq == 2
        finally:
            await hub.close()


@pytest.mark.gen_test
async def test_there_is_no_newest_page_while_the_bus_is_lost(tmp_path: Path) -> None:
    class LostBus(MemoryBus):
        lost = False

    bus = LostBus()
    async with room_in(tmp_path) as room:
        hub = hub_on(room.store, bus)
        try:
            await listening(hub, room.id)
            assert hub.newest_page(room.id, 1) is not None
            bus.lost = True
            assert hub.newest_page(room.id, 1) is None
        finally:
            await hub.close()
