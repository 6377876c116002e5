"""All messages of one author, in slices."""

from __future__ import annotations

import pytest

from store.contract import Store
from store.models import Actor
from tests.contract.conftest import StoreFiller


@pytest.mark.gen_test
async def test_every_message_of_an_author_comes_once_and_nobody_elses(store: Store, fill: StoreFiller) -> None:
    ann, bob = await fill.user("Ann"), await fill.user("Bob")
    room, left, private = (
        (await fill.room(bob)).room,
        (await fill.room(bob)).room,
        (await fill.room(ann, private=True)).room,
    )
    for one in (room, left):
        await store.members.add(one.id, ann.id)
    expected = []
    for start in range(0, 450, 50):
        expected += await fill.say(room.id, ann, *(f"number {number}" for number in range(start, start + 50)))
        await fill.say(room.id, bob, *(f"his {number}" for number in range(50)))
    for one in (left, private):
        expected += await fill.say(one.id, ann, "one", "two")
    await store.members.remove(left.id, ann.id)
    deleted = (await store.messages.delete(expected[0].id, actor=Actor(ann.id))).message
    slices = [messages async for messages in store.messages.by_author(ann.id)]
    assert all(0 < len(messages) <= 200 for messages in slices)
    found = {message.id: message for messages in slices for message in messages}
    assert sum(map(len, slices)) == len(found) == len(expected)
    assert found == {message.id: message for message in (deleted, *expected[1:])}
    assert [messages async for messages in store.messages.by_author("nobody")] == []


@pytest.mark.gen_test
async def test_what_nobody_reads_on_is_given_up(store: Store, fill: StoreFiller) -> None:
    ann = await fill.user()
    room = (await fill.room(ann)).room
    await fill.say(room.id, ann, *(f"number {number}" for number in range(300)))
    slices = store.messages.by_author(ann.id)
    assert len(await anext(slices)) == 200
    await slices.aclose()
    assert await store.users.get(ann.id) is not None
