"""What is done room by room goes through all rooms, however many are read at once."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from store.errors import StoreTimeout
from store.models import Actor
from store.mongo import MongoStore, ended_accounts, own_messages
from store.mongo.database import Database
from tests.contract.conftest import StoreFiller


@pytest.mark.parametrize("at_once", [1, 2, 5, 6])
@pytest.mark.gen_test
async def test_the_messages_of_every_room_are_found_and_lose_the_name(
    store: MongoStore, fill: StoreFiller, monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    monkeypatch.setattr(ended_accounts, "ROOMS_A_WRITE", at_once)
    monkeypatch.setattr(own_messages, "ROOMS_A_READ", at_once)
    monkeypatch.setattr(own_messages, "MESSAGES_A_READ", 2)
    ann, bob = await fill.user("Ann"), await fill.user("Bob")
    said = set()
    for number in range(5):
        room = (await fill.room(bob)).room
        await store.members.add(room.id, ann.id)
        said |= {message.id for message in await fill.say(room.id, ann, *"abc"[: number % 3 + 1])}
        await store.members.remove(room.id, ann.id)
    await store.ended_accounts.end(ann.id, before="hash")
    await store.ended_accounts.erase(ann.id)
    found = [message async for messages in store.messages.by_author(ann.id) for message in messages]
    assert {message.id for message in found} == said
    assert len(found) == len(said)
    assert {message.username for message in found} == {"deleted"}


class CutOff:
    """Counts operations by their names, and has each `fails_every`th fail before it begins."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *, fails_every: int | None = None) -> None:
        self.names: list[str] = []
        original = Database.operation

        @asynccontextmanager
        async def operation(database: Database, name: str, **more: Any) -> AsyncIterator[None]:
            async with original(database, name, **more):
                self.names.append(name)
                if fails_every and len(self.names) % fails_every == 0:
                    raise StoreTimeout(name)
                yield

        monkeypatch.setattr(Database, "operation", operation)


@pytest.mark.gen_test
async def test_the_changes_of_rooms_without_a_message_of_the_author_are_not_read(
    store: MongoStore, fill: StoreFiller, monkeypatch: pytest.MonkeyPatch
) -> None:
    ann, bob = await fill.user("Ann"), await fill.user("Bob")
    rooms = [(await fill.room(bob)).room for _ in range(4)]
    for room in rooms[:2]:
        await store.members.add(room.id, ann.id)
    await fill.say(rooms[0].id, ann, "hello")
    await store.ended_accounts.end(ann.id, before="hash")
    cut = CutOff(monkeypatch)
    await store.ended_accounts.erase(ann.id, is_last=True)
    assert cut.names.count("ended_accounts.changes") == 1


@pytest.mark.gen_test
async def test_a_last_pass_that_is_cut_off_again_and_again_comes_to_its_end(
    store: MongoStore, fill: StoreFiller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ended_accounts, "ROOMS_A_WRITE", 2)
    monkeypatch.setattr(ended_accounts, "CHANGES_A_WRITE", 3)
    ann, bob = await fill.user("Ann"), await fill.user("Bob")
    rooms = [(await fill.room(bob)).room for _ in range(4)]
    for room in rooms:
        await store.members.add(room.id, ann.id)
        (message,) = await fill.say(room.id, ann, "hello")
        for number in range(7):
            await store.messages.edit(message.id, f"hello {number}", actor=Actor(ann.id))
    await store.ended_accounts.end(ann.id, before="hash")
    with monkeypatch.context() as patched:
        cut, cut_off = CutOff(patched, fails_every=9), 0
        while True:
            try:
                await store.ended_accounts.erase(ann.id, is_last=True)
                break
            except StoreTimeout:
                cut_off += 1
                assert cut_off < 20
        assert cut_off > 2
        assert cut.names.count("ended_accounts.changes") <= 4 * 3 + 2 * cut_off  # what is noted is not repeated
    await store.ended_accounts.finish(ann.id)
    for room in rooms:
        changes = (await store.changes.page(room.id, since=0, limit=100)).changes
        assert [change.message.username for change in changes if change.message] == ["deleted"] * 7
        assert (await store.messages.page(room.id, limit=9)).messages[0].username == "deleted"
    assert await store._database.users.find_one({"_id": ann.id, "erased": {"$exists": True}}) is None
