"""A batch of changes: what fails in it harms its own caller alone, and what was written is published in rev order."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from cache.keys_and_ttls import CacheTtls, Keys
from cache.memory_cache import MemoryCache
from chat.errors import ChatError
from chat.message_changes import MessageChanges
from cluster.events import RoomChanges
from cluster.memory_bus import MemoryBus
from cluster.topics import room_topic
from handlers.codec.json_codec import JsonCodec
from monitor.observer import Observer
from store import sqlite
from store.errors import StoreUnavailable
from store.models import Actor, Message, MessageChange, MessageDraft, RoomDraft, Stored


class DefectiveMessages:
    """The store's messages, with a defect in the edit of one."""

    def __init__(self, messages: Any, defective_id: str) -> None:
        self._messages = messages
        self._defective_id = defective_id
        self.react, self.delete = messages.react, messages.delete

    async def edit(self, message_id: str, content: str, *, actor: Actor) -> MessageChange:
        if message_id == self._defective_id:
            raise RuntimeError("a defect")
        changed: MessageChange = await self._messages.edit(message_id, content, actor=actor)
        return changed


class Parts:
    """Changes on a store of the test's own, with a room of two messages, and what was published."""

    def __init__(self, store: Any, author: Actor, messages: list[Message], max_waiting: int) -> None:
        self.author = author
        self.messages = messages
        self.published: list[RoomChanges] = []
        self.bus = MemoryBus()
        self.bus.start(receive=lambda topic, event: self.published.append(event))
        store.messages = DefectiveMessages(store.messages, messages[0].id)
        self.changes = MessageChanges(
            store=store,
            cache=MemoryCache(observer=Observer(), now=lambda: 0.0),
            keys=Keys(CacheTtls(messages_s=1800, users_s=300, stats_s=600)),
            bus=self.bus,
            codec=JsonCodec(),
            timeout_s=60,
            max_waiting=max_waiting,
        )


@asynccontextmanager
async def parts_in(folder: Path, *, max_waiting: int = 100) -> AsyncIterator[Parts]:
    store = await sqlite.open_store(
        folder, timeout_s=60, group_commit=True, observer=Observer(), now_ms=lambda: 1_700_000_000_000
    )
    try:
        ada = await store.users.create(username="ada", email="ada@example.com", password_hash="x")
        room = (await store.rooms.create(RoomDraft("A room", None, False, 10), ada.id)).room
        drafts = [MessageDraft(ada.id, ada.username, "hello", f"c{number}") for number in range(2)]
        stored = await store.messages.append(room.id, drafts)
        parts = Parts(store, Actor(ada.id), [one.message for one in stored if isinstance(one, Stored)], max_waiting)
        await parts.bus.subscribe(room_topic(room.id))
        yield parts
        await parts.changes.close()
    finally:
        await store.close()


@pytest.mark.gen_test
async def test_a_defect_in_one_change_harms_no_other_of_its_batch(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with parts_in(tmp_path) as parts:
        bad, good = parts.messages
        changes, author = parts.changes, parts.author
        first = await changes.edit(author, good.id, "edited")
        outcomes = await asyncio.gather(
            changes.react(author, good.id, "👍", on=True),  # begins a batch
            changes.edit(author, bad.id, "never"),
            changes.edit(author, good.id, "edited again"),
            changes.react(author, "nowhere", "👍", on=True),
            changes.react(author, f"{good.room_id}-9", "👍", on=True),
            return_exceptions=True,
        )
        assert isinstance(outcomes[1], ChatError) and outcomes[1].code == "internal"
        assert isinstance(outcomes[3], ChatError) and outcomes[3].code == "message_not_found"
        assert isinstance(outcomes[4], Exception)
        answers = [first, outcomes[0], outcomes[2]]
        told = [change for batch in parts.published for change in batch.changes]
        assert [rev for rev, _ in told] == [1, 2, 3]
        assert [json.loads(event or b"")["data"]["message"] for _, event in told] == [
            json.loads(answer.message)  # type: ignore[union-attr]
            for answer in answers
        ]
        (record,) = [record for record in caplog.records if record.levelname == "ERROR"]
        assert "a defect" in str(record.exc_info)


@pytest.mark.gen_test
async def test_reactions_of_one_loop_turn_are_published_as_one_event(tmp_path: Path) -> None:
    async with parts_in(tmp_path) as parts:
        message = parts.messages[1]
        answers = await asyncio.gather(
            *(parts.changes.react(parts.author, message.id, f"e{number}", on=True) for number in range(20))
        )
        (batch,) = parts.published
        ((rev, event),) = batch.changes
        assert rev == 1
        assert {answer.message for answer in answers} == {
            JsonCodec().changed_message(event or b"")[1]  # type: ignore[index]
        }


@pytest.mark.gen_test
async def test_more_changes_than_may_wait_are_refused_at_once(tmp_path: Path) -> None:
    async with parts_in(tmp_path, max_waiting=3) as parts:
        message = parts.messages[1]
        outcomes = await asyncio.gather(
            *(parts.changes.react(parts.author, message.id, f"e{number}", on=True) for number in range(5)),
            return_exceptions=True,
        )
        assert [isinstance(outcome, StoreUnavailable) for outcome in outcomes] == [False] * 3 + [True] * 2
        assert parts.changes.waiting == 0
