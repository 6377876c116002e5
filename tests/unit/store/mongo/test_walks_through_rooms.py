"""What is done room by room goes through all rooms, however many are read at once."""

from __future__ import annotations

import pytest

from store.mongo import MongoStore, ended_accounts, own_messages
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
