"""Read marks: the answer to one never takes back what another, told before it, has said."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from cache.keys_and_ttls import CacheTtls, Keys
from cache.memory_cache import NoCache
from chat.read_marks import ReadMarks
from chat.rooms import Rooms
from cluster.events import UserEvent
from cluster.memory_bus import MemoryBus
from cluster.topics import reading_order, user_topic
from handlers.codec.json_codec import JsonCodec
from store.contract import Store
from store.models import MessageDraft, ReadState, RoomDraft
from tests.unit.chat.delivery.test_join_is_exact import open_store

pytestmark = pytest.mark.gen_test


class OvertakenMembers:
    """The members of a store where another mark is stored, and told here, before the answer of `mark_read` is back."""

    def __init__(self, store: Store, bus: MemoryBus, seq: int) -> None:
        self._members = store.members
        self._bus = bus
        self._seq = seq

    def __getattr__(self, name: str) -> Any:
        return getattr(self._members, name)

    async def mark_read(self, room_id: str, user_id: str, seq: int) -> ReadState | None:
        state = await self._members.mark_read(room_id, user_id, seq)
        other = await self._members.mark_read(room_id, user_id, self._seq)
        if other is not None and self._seq:
            self._bus.publish(user_topic(user_id), UserEvent(user_id, b"", *reading_order(other)))
        return state


class StoreWith:
    """A store with other members."""

    def __init__(self, store: Store, members: Any) -> None:
        self.rooms = store.rooms
        self.members = members


@pytest.mark.parametrize(("others_seq", "answered"), [(0, (2, 3)), (1, (2, 3)), (4, (4, 1))])
async def test_the_answer_is_never_behind_what_was_told_before_it(
    tmp_path: Path, others_seq: int, answered: tuple[int, int]
) -> None:
    bus, keys, cache, codec = MemoryBus(), Keys(CacheTtls(messages_s=1, users_s=1, stats_s=1)), NoCache(), JsonCodec()
    told: dict[tuple[str, str], tuple[int, ...]] = {}

    def receive(_topic: str, event: Any) -> None:
        subject = event.user_id, event.about
        told[subject] = max(event.order, told.get(subject, ()))

    bus.start(receive=receive)
    async with open_store(tmp_path) as store:
        ann = await store.users.create(username="ann", email="ann@example.org", password_hash="hash")
        bob = await store.users.create(username="bob", email="bob@example.org", password_hash="hash")
        room_id = (await store.rooms.create(RoomDraft("Tea", None, False, 10), ann.id)).room.id
        await store.members.add(room_id, bob.id)
        await store.messages.append(room_id, [MessageDraft(ann.id, "ann", "hello", f"c{n}") for n in range(5)])
        await bus.subscribe(user_topic(bob.id))
        unused: Any = None
        overtaken: Any = StoreWith(store, OvertakenMembers(store, bus, others_seq))
        marks = ReadMarks(
            store=overtaken,
            bus=bus,
            codec=codec,
            rooms=Rooms(
                store=store,
                cache=cache,
                keys=keys,
                bus=bus,
                presence=unused,
                presenter=unused,
                membership_updates=unused,
            ),
            latest_told=lambda user_id, about: told.get((user_id, about)),
        )
        state = await marks.move(room_id, bob.id, 2)
    assert (state.read_seq, state.unread_count) == answered
    assert told == {(bob.id, f"read:{room_id}"): (max(2, others_seq), 5)}
