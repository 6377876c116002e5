from __future__ import annotations

from typing import Any

import pytest
from pymongo.database import Database as RawDatabase

from store.ids import make_id
from store.models import Actor, BotDraft, Role, User, WebhookDraft
from store.mongo import MongoStore
from store.mongo.membership_repairs import banned_members
from tests.contract.conftest import StoreFiller
from tests.support.clock import HandClock

Raw = RawDatabase[dict[str, Any]]
MINUTE_MS = 60_000


@pytest.mark.gen_test
async def test_the_sweep_ends_memberships_that_an_older_program_made_of_people_who_are_banned(
    store: MongoStore, fill: StoreFiller, clock: HandClock, raw: Raw
) -> None:
    ann = await fill.user()
    room_id, owner = (await fill.room(ann)).room.id, Actor(ann.id)
    banned, lifted, over, never = await fill.members(room_id, 4)
    for person, until_ms in ((banned, None), (lifted, None), (over, clock.ms + MINUTE_MS)):
        await store.bans.add(room_id, person.id, reason=None, expires_at_ms=until_ms, actor=owner)
    await store.bans.lift(room_id, lifted.id, actor=owner)
    clock.ms += MINUTE_MS
    raw.members.update_many({"left": True}, {"$set": {"left": False}, "$unset": {"expiresAt": ""}})
    raw.rooms.update_one({"_id": room_id}, {"$set": {"memberCount": 5}})
    before = await store.rooms.get(room_id)
    await store.sweep(clock.ms)
    stand = [person for person in (banned, lifted, over, never) if await store.members.get(room_id, person.id)]
    assert stand == [lifted, over, never]
    room = await store.rooms.get(room_id)
    assert before is not None
    assert room is not None
    assert (room.member_count, room.rev) == (4, before.rev + 1)


@pytest.mark.gen_test
async def test_it_walks_them_in_slices_and_begins_again(store: MongoStore, fill: StoreFiller, raw: Raw) -> None:
    ann = await fill.user()
    room_id = (await fill.room(ann)).room.id
    for person in await fill.members(room_id, 5):
        await store.bans.add(room_id, person.id, reason=None, expires_at_ms=None, actor=Actor(ann.id))
    raw.members.update_many({"left": True}, {"$set": {"left": False}})
    sweep = banned_members(store._database, store._log, slice_documents=2).sweep
    now_ms = store._database.clock()
    assert [await sweep(now_ms) for _ in range(5)] == [(2, True), (2, True), (1, False), (0, True), (0, True)]


@pytest.mark.parametrize("has_people", [True, False])
@pytest.mark.parametrize("kind", ["bot", "webhook"])
@pytest.mark.gen_test
async def test_the_sweep_gives_a_room_that_an_older_program_gave_to_a_bot_to_a_person(
    store: MongoStore, fill: StoreFiller, clock: HandClock, raw: Raw, kind: str, has_people: bool
) -> None:
    ann = await fill.user()
    room_id, owner, bot_id = (await fill.room(ann)).room.id, Actor(ann.id), make_id("u")
    if kind == "bot":
        await store.bots.add(room_id, owner, BotDraft(bot_id, "robbie", "b-1"))
    else:
        await store.webhooks.add(room_id, owner, WebhookDraft(bot_id, "robbie", "Robbie", "hash"))
    people: list[User] = await fill.members(room_id, 2 if has_people else 0)
    await store.members.remove(room_id, ann.id)
    raw.members.update_many({"role": "owner"}, {"$set": {"role": "member"}})
    raw.members.update_one({"userId": bot_id}, {"$set": {"role": "owner"}})
    raw.rooms.update_one({"_id": room_id}, {"$set": {"ownerId": bot_id}})
    before = await store.rooms.get(room_id)
    for _ in range(2):
        await store.sweep(clock.ms)
        room = await store.rooms.get(room_id)
        assert room is not None
        assert before is not None
        assert (room.owner_id, room.rev) == (people[0].id if has_people else None, before.rev + 1)
    roles = {person.id: await store.members.get(room_id, person.id) for person in people}
    assert [None if one is None else one.role for one in roles.values()] == [Role.OWNER, Role.MEMBER][: len(people)]
    of_bot = await store.members.get(room_id, bot_id)
    assert of_bot is not None
    assert of_bot.role is Role.MEMBER
