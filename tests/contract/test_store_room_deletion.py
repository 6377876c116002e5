from __future__ import annotations

import asyncio

import pytest

from store.contract import Store
from store.errors import Missing, Refused
from store.models import Actor, Refusal, Role, RoomPatch, Stored
from tests.contract.conftest import Reopen, StoreFiller, on_each_backend
from tests.support.clock import HandClock


async def refusal_of(store: Store, room_id: str, actor: Actor) -> Refusal:
    with pytest.raises(Refused) as refused:
        await store.rooms.delete(room_id, actor)
    return refused.value.refusal


async def purge(store: Store) -> None:
    while await store.rooms.purge():
        pass


@pytest.mark.gen_test
async def test_a_deleted_room_is_not_there_for_anything(store: Store, fill: StoreFiller) -> None:
    ann, bob = await fill.user(), await fill.user()
    room_id = (await fill.room(ann)).room.id
    other_id = (await fill.room(ann)).room.id
    await store.members.add(room_id, bob.id)
    (message,) = await fill.say(room_id, ann, "hello")
    await store.rooms.delete(room_id, Actor(ann.id))
    assert await store.rooms.get(room_id) is None
    assert await store.rooms.get_for(room_id, bob.id) is None
    assert await store.rooms.stats(room_id) is None
    assert await store.rooms.heads([room_id, other_id]) == await store.rooms.heads([other_id])
    assert await store.members.standings([(room_id, ann.id)]) == [None]
    assert await store.members.get(room_id, ann.id) is None
    assert list(await store.rooms.joined_by(ann.id)) == [other_id]
    for mine in (True, False):
        found, _ = await store.rooms.list_for(ann.id, mine=mine, query=None, limit=9, after=None)
        assert [one.room.id for one in found] == [other_id]
    assert (await store.messages.append(room_id, [fill.draft(ann)])) == [Refusal.ROOM_NOT_FOUND]
    for write in (
        store.members.add(room_id, bob.id),
        store.members.remove(room_id, bob.id),
        store.rooms.update(room_id, Actor(ann.id), RoomPatch(name="x")),
        store.rooms.delete(room_id, Actor(ann.id)),
    ):
        with pytest.raises(Missing) as missing:
            await write
        assert missing.value.kind == "room"
    with pytest.raises(Missing):
        await store.messages.edit(message.id, "edited", actor=Actor(ann.id))


@pytest.mark.gen_test
async def test_only_owners_and_administrators_delete_a_room(store: Store, fill: StoreFiller) -> None:
    ann, bob, eve = await fill.user(), await fill.user(), await fill.user()
    public, private = (await fill.room(ann)).room.id, (await fill.room(ann, private=True)).room.id
    direct = (await store.rooms.direct(ann.id, bob.id))[0].room.id
    await store.members.add(public, bob.id, role=Role.MODERATOR)
    assert await refusal_of(store, public, Actor(bob.id)) is Refusal.FORBIDDEN
    assert await refusal_of(store, public, Actor(eve.id)) is Refusal.NOT_MEMBER
    assert await refusal_of(store, private, Actor(eve.id)) is Refusal.ROOM_NOT_FOUND
    assert await refusal_of(store, direct, Actor(ann.id)) is Refusal.FORBIDDEN
    await store.rooms.delete(private, Actor(eve.id, is_admin=True))
    assert await store.rooms.get(private) is None


@pytest.mark.gen_test
async def test_what_belonged_to_a_room_is_removed_and_nothing_else(store: Store, fill: StoreFiller) -> None:
    ann, bob = await fill.user(), await fill.user()
    room_id = (await fill.room(ann)).room.id
    other_id = (await fill.room(ann)).room.id
    for one in (room_id, other_id):
        await store.members.add(one, bob.id)
        messages = await fill.say(one, ann, *(f"word {number} ü" for number in range(120)))
        await store.messages.append(one, [fill.draft(ann, "to bob", mentions=(bob.id,))])
        await store.messages.edit(messages[0].id, "edited word", actor=Actor(ann.id))
        await store.messages.react(messages[1].id, "👍", actor=Actor(bob.id), on=True)
        await store.messages.delete(messages[2].id, actor=Actor(ann.id))
    await store.rooms.delete(room_id, Actor(ann.id))
    await purge(store)
    assert not await store.rooms.purge()
    assert await store.messages.get(f"{room_id}-1") is None
    assert (await store.messages.page(room_id, limit=9)).messages == ()
    assert (await store.changes.page(room_id, since=0, limit=9)).changes == ()
    assert await store.messages.by_client_id(room_id, ann.id, messages[0].client_id) is None
    kept = (await store.messages.page(other_id, limit=100)).messages
    assert (len(kept), kept[-1].seq) == (100, 121)
    membership = await store.members.get(other_id, bob.id)
    assert membership is not None
    assert (membership.mention_count, membership.unread_count) == (1, 121)
    assert isinstance((await store.messages.append(other_id, [fill.draft(bob, "word")]))[0], Stored)


@pytest.mark.gen_test
async def test_the_sweep_finishes_what_a_process_left(
    open_again: Reopen, store: Store, fill: StoreFiller, clock: HandClock
) -> None:
    ann = await fill.user()
    room_id = (await fill.room(ann)).room.id
    await fill.say(room_id, ann, *("hello",) * 30)
    await store.rooms.delete(room_id, Actor(ann.id))
    later = await open_again()
    await later.sweep(clock.ms)
    assert await later.messages.get(f"{room_id}-1") is None
    clock.ms += 25 * 3600 * 1000
    await later.sweep(clock.ms)
    assert not await later.rooms.purge()


@on_each_backend
@pytest.mark.gen_test
async def test_a_send_and_a_join_that_race_a_deletion_come_before_or_after_it(store: Store, fill: StoreFiller) -> None:
    ann = await fill.user()
    people = [await fill.user() for _ in range(4)]
    for _ in range(5):
        room_id = (await fill.room(ann)).room.id
        *joins, deleted, sent = await asyncio.gather(
            store.members.add(room_id, people[0].id),
            store.members.add(room_id, people[1].id),
            store.rooms.delete(room_id, Actor(ann.id)),
            store.messages.append(room_id, [fill.draft(ann)]),
            return_exceptions=True,
        )
        assert deleted is None
        assert all(not isinstance(join, BaseException) or isinstance(join, Missing) for join in joins)
        assert sent == [Refusal.ROOM_NOT_FOUND] or (isinstance(sent, list) and isinstance(sent[0], Stored))
        assert await store.rooms.get(room_id) is None
        await purge(store)
        assert await store.rooms.joined_by(people[0].id) == {}
