from __future__ import annotations

import asyncio

import pytest

from store.contract import Store
from store.errors import Missing, Refused
from store.models import Actor, Change, Refusal, Role, RoomPatch
from tests.contract.conftest import StoreFiller, on_each_backend
from tests.support.clock import HandClock


async def refusal_of(store: Store, room_id: str, actor: Actor, patch: RoomPatch) -> Refusal:
    with pytest.raises(Refused) as refused:
        await store.rooms.update(room_id, actor, patch)
    return refused.value.refusal


@pytest.mark.gen_test
async def test_settings_are_changed_by_one_entry_that_says_so(store: Store, fill: StoreFiller) -> None:
    ann, bob = await fill.user(), await fill.user()
    room_id = (await fill.room(ann)).room.id
    await store.members.add(room_id, bob.id)
    patch = RoomPatch(name="Straße", description="new", is_private=True, max_users=2, slow_mode_s=30)
    change = await store.rooms.update(room_id, Actor(ann.id), patch)
    room = change.room
    assert change.changed
    assert (room.name, room.description, room.is_private) == ("Straße", "new", True)
    assert (room.max_users, room.slow_mode_s, room.archived_at, room.member_count, room.rev) == (2, 30, None, 2, 2)
    assert await store.rooms.get(room_id) == room
    entries = (await store.changes.page(room_id, since=0, limit=9)).changes
    assert entries == (Change(1, None), Change(2, None, is_settings=True))
    found, _ = await store.rooms.list_for(ann.id, mine=True, query="STRASSE", limit=9, after=None)
    assert [one.room.id for one in found] == [room_id]
    assert (await store.changes.latest_between(room_id, since=0, upto=2, limit=9)).changes == ()


@pytest.mark.gen_test
async def test_what_is_left_out_stays_and_a_description_can_be_removed(store: Store, fill: StoreFiller) -> None:
    ann = await fill.user()
    room_id = (await fill.room(ann)).room.id
    ann_acts = Actor(ann.id)
    await store.rooms.update(room_id, ann_acts, RoomPatch(description="about"))
    after = (await store.rooms.update(room_id, ann_acts, RoomPatch(name="Other"))).room
    assert (after.name, after.description, after.rev) == ("Other", "about", 2)
    assert (await store.rooms.update(room_id, ann_acts, RoomPatch(description=None))).room.description is None


@pytest.mark.gen_test
async def test_a_patch_that_changes_nothing_writes_nothing(store: Store, fill: StoreFiller) -> None:
    ann = await fill.user()
    room = (await fill.room(ann)).room
    for patch in (RoomPatch(), RoomPatch(name=room.name, archived=False, slow_mode_s=0, description=None)):
        change = await store.rooms.update(room.id, Actor(ann.id), patch)
        assert (change.changed, change.room) == (False, room)


@pytest.mark.gen_test
async def test_who_is_no_moderator_changes_nothing(store: Store, fill: StoreFiller) -> None:
    ann, bob, eve = await fill.user(), await fill.user(), await fill.user()
    public = (await fill.room(ann)).room.id
    private = (await fill.room(ann, private=True)).room.id
    direct = (await store.rooms.direct(ann.id, bob.id))[0].room.id
    await store.members.add(public, bob.id)
    patch = RoomPatch(name="mine")
    assert await refusal_of(store, public, Actor(bob.id), patch) is Refusal.FORBIDDEN
    assert await refusal_of(store, public, Actor(eve.id), patch) is Refusal.NOT_MEMBER
    assert await refusal_of(store, private, Actor(eve.id), patch) is Refusal.ROOM_NOT_FOUND
    assert await refusal_of(store, direct, Actor(ann.id), patch) is Refusal.FORBIDDEN
    with pytest.raises(Missing) as missing:
        await store.rooms.update("none", Actor(ann.id), patch)
    assert missing.value.kind == "room"
    await store.members.add(private, bob.id, role=Role.MODERATOR)
    assert (await store.rooms.update(private, Actor(bob.id), patch)).changed
    assert (await store.rooms.update(private, Actor(eve.id, is_admin=True), RoomPatch(name="ours"))).changed


@pytest.mark.gen_test
async def test_a_room_is_never_made_smaller_than_it_is(store: Store, fill: StoreFiller) -> None:
    ann, bob, eve = await fill.user(), await fill.user(), await fill.user()
    room_id = (await fill.room(ann)).room.id
    for one in (bob, eve):
        await store.members.add(room_id, one.id)
    assert await refusal_of(store, room_id, Actor(ann.id), RoomPatch(max_users=2)) is Refusal.CONFLICT
    assert (await store.rooms.update(room_id, Actor(ann.id), RoomPatch(max_users=3))).room.max_users == 3


@pytest.mark.gen_test
async def test_an_archived_room_takes_no_change_but_its_return(
    store: Store, fill: StoreFiller, clock: HandClock
) -> None:
    ann = await fill.user()
    room_id = (await fill.room(ann)).room.id
    ann_acts = Actor(ann.id)
    archived = (await store.rooms.update(room_id, ann_acts, RoomPatch(archived=True))).room
    assert archived.archived_at is not None
    clock.ms += 5000
    assert not (await store.rooms.update(room_id, ann_acts, RoomPatch(archived=True))).changed
    assert await refusal_of(store, room_id, ann_acts, RoomPatch(name="Other")) is Refusal.FORBIDDEN
    assert await refusal_of(store, room_id, ann_acts, RoomPatch(archived=True, name="Other")) is Refusal.FORBIDDEN
    back = (await store.rooms.update(room_id, ann_acts, RoomPatch(archived=False, name="Other"))).room
    assert (back.archived_at, back.name, back.rev) == (None, "Other", 2)
    again = (await store.rooms.update(room_id, ann_acts, RoomPatch(archived=True))).room
    assert again.archived_at is not None
    assert again.archived_at > archived.archived_at


@on_each_backend
@pytest.mark.gen_test
async def test_of_joins_that_race_a_smaller_size_none_is_too_many(store: Store, fill: StoreFiller) -> None:
    ann = await fill.user()
    room_id = (await fill.room(ann)).room.id
    people = [await fill.user() for _ in range(6)]
    joins = [store.members.add(room_id, one.id) for one in people]
    shrink = store.rooms.update(room_id, Actor(ann.id), RoomPatch(max_users=4))
    outcomes = await asyncio.gather(*joins[:3], shrink, *joins[3:], return_exceptions=True)
    room = await store.rooms.get(room_id)
    assert room is not None
    assert (room.max_users == 4) != isinstance(outcomes[3], Refused)
    assert room.member_count <= room.max_users
