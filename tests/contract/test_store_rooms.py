from __future__ import annotations

import asyncio

import pytest

from store.contract import Store
from store.errors import Missing
from store.models import Head, ProfileChange, Role, RoomDraft, Stored
from tests.contract.conftest import StoreFiller, on_each_backend
from tests.support.clock import HandClock


@pytest.mark.gen_test
async def test_a_new_room_has_its_maker_as_owner_and_only_member(store: Store, fill: StoreFiller) -> None:
    ann = await fill.user()
    made = await store.rooms.create(RoomDraft("Café ☕", "about", True, 7), ann.id)
    room = made.room
    assert (room.name, room.description, room.is_private, room.kind, room.max_users) == (
        "Café ☕",
        "about",
        True,
        "room",
        7,
    )
    assert (room.owner_id, room.member_count, room.last_seq, room.rev) == (ann.id, 1, 0, 0)
    assert made.membership is not None
    assert (made.membership.role, made.membership.read_seq, made.membership.unread_count) == (Role.OWNER, 0, 0)
    assert await store.rooms.get(room.id) == room
    assert await store.rooms.get_for(room.id, ann.id) == made
    assert (await store.changes.page(room.id, since=0, limit=10)).changes == ()


@pytest.mark.gen_test
async def test_a_room_seen_by_a_stranger_has_no_membership(store: Store, fill: StoreFiller) -> None:
    room = (await fill.room(await fill.user())).room
    seen = await store.rooms.get_for(room.id, (await fill.user()).id)
    assert seen is not None
    assert (seen.room, seen.membership) == (room, None)
    assert await store.rooms.get("none") is None
    assert await store.rooms.get_for("none", "nobody") is None


@pytest.mark.gen_test
async def test_a_direct_room_is_the_same_whoever_asks(store: Store, fill: StoreFiller) -> None:
    ann, bob = await fill.user(), await fill.user()
    made, new = await store.rooms.direct(ann.id, bob.id)
    again, new_again = await store.rooms.direct(bob.id, ann.id)
    assert (new, new_again) == (True, False)
    assert again.room == made.room
    assert (made.room.kind, made.room.is_private, made.room.max_users, made.room.member_count) == ("direct", True, 2, 2)
    assert again.membership is not None
    assert {member.user_id for member in (await store.members.list(made.room.id, limit=10, after=None))[0]} == {
        ann.id,
        bob.id,
    }
    other, _ = await store.rooms.direct(ann.id, (await fill.user()).id)
    assert other.room.id != made.room.id


@on_each_backend
@pytest.mark.gen_test
async def test_of_many_who_race_for_a_direct_room_one_makes_it(store: Store, fill: StoreFiller) -> None:
    ann, bob = await fill.user(), await fill.user()
    pairs = [(ann.id, bob.id), (bob.id, ann.id)] * 10
    outcomes = await asyncio.gather(*(store.rooms.direct(*pair) for pair in pairs))
    assert len({found.room.id for found, _ in outcomes}) == 1
    assert sum(new for _, new in outcomes) == 1


@pytest.mark.gen_test
async def test_a_direct_room_with_nobody_is_refused_and_leaves_nothing(store: Store, fill: StoreFiller) -> None:
    ann = await fill.user()
    with pytest.raises(Missing) as missing:
        await store.rooms.direct(ann.id, "nobody")
    assert missing.value.kind == "user"
    assert await store.rooms.joined_by(ann.id) == {}


@pytest.mark.gen_test
async def test_who_left_a_direct_room_is_back_when_it_is_asked_for(store: Store, fill: StoreFiller) -> None:
    ann, bob = await fill.user(), await fill.user()
    room = (await store.rooms.direct(ann.id, bob.id))[0].room
    await store.members.remove(room.id, ann.id)
    back, new = await store.rooms.direct(bob.id, ann.id)
    assert (back.room.id, back.room.member_count, new) == (room.id, 2, False)
    assert await store.members.get(room.id, ann.id) is not None


@pytest.mark.gen_test
async def test_a_list_has_public_rooms_and_ones_own_newest_first(
    store: Store, fill: StoreFiller, clock: HandClock
) -> None:
    ann, bob = await fill.user(), await fill.user()
    public, hidden, own = (
        (await fill.room(bob, name="Public")).room.id,
        (await fill.room(bob, name="Hidden", private=True)).room.id,
        (await fill.room(ann, name="Own", private=True)).room.id,
    )
    clock.ms -= 5000  # the clock was set back: the order is that of creation
    newest = (await fill.room(bob, name="NewestValues")).room.id
    found, following = await store.rooms.list_for(ann.id, mine=False, query=None, limit=10, after=None)
    assert ([one.room.id for one in found], following) == ([newest, own, public], None)
    assert [one.membership is not None for one in found] == [False, True, False]
    mine, _ = await store.rooms.list_for(ann.id, mine=True, query=None, limit=10, after=None)
    assert [one.room.id for one in mine] == [own]
    assert hidden in await store.rooms.joined_by(bob.id)
    assert list(await store.rooms.joined_by(ann.id)) == [own]


@pytest.mark.gen_test
async def test_a_cursor_goes_through_all_rooms_once_though_others_are_made(store: Store, fill: StoreFiller) -> None:
    ann = await fill.user()
    ids = [(await fill.room(ann)).room.id for _ in range(7)]
    seen: list[str] = []
    after = None
    for _ in range(10):
        found, after = await store.rooms.list_for(ann.id, mine=True, query=None, limit=3, after=after)
        seen += [one.room.id for one in found]
        await fill.room(ann)
        if after is None:
            break
    assert seen == ids[::-1]


@pytest.mark.parametrize("cursor", ["", "x", "-1", "1.5", "9" * 30, "\u0661", "' OR 1"])
@pytest.mark.gen_test
async def test_what_cannot_be_a_cursor_is_a_value_error(store: Store, fill: StoreFiller, cursor: str) -> None:
    ann = await fill.user()
    with pytest.raises(ValueError, match="cursor"):
        await store.rooms.list_for(ann.id, mine=False, query=None, limit=3, after=cursor)


@pytest.mark.gen_test
async def test_a_query_is_a_part_of_the_name_in_any_case_without_wildcards(store: Store, fill: StoreFiller) -> None:
    ann = await fill.user()
    for name in ("Großes 100%", "under_score", "plain"):
        await fill.room(ann, name=name)

    async def names(query: str) -> list[str]:
        found, _ = await store.rooms.list_for(ann.id, mine=False, query=query, limit=10, after=None)
        return [one.room.name for one in found]

    assert await names("GROSSES") == ["Großes 100%"]
    assert await names("%") == ["Großes 100%"]
    assert await names("_") == ["under_score"]
    assert await names("nder") == ["under_score"]
    assert await names("p*n") == []


@pytest.mark.gen_test
async def test_heads_of_many_rooms_come_in_one_answer(store: Store, fill: StoreFiller) -> None:
    ann, bob = await fill.user(), await fill.user()
    quiet, busy = (await fill.room(ann)).room.id, (await fill.room(ann)).room.id
    await fill.say(busy, ann, "one", "two")
    await store.members.add(busy, bob.id)
    assert dict(await store.rooms.heads([quiet, busy, "none"])) == {quiet: Head(0, 0), busy: Head(2, 1)}
    assert dict(await store.rooms.heads([])) == {}


@pytest.mark.gen_test
async def test_stats_count_people_and_messages(store: Store, fill: StoreFiller, clock: HandClock) -> None:
    ann = await fill.user()
    room = (await fill.room(ann)).room
    stats = await store.rooms.stats(room.id)
    assert stats is not None
    assert (stats.participant_count, stats.message_count, stats.last_activity) == (1, 0, room.created_at)
    clock.ms += 1234
    (message,) = await fill.say(room.id, ann, "hi")
    stats = await store.rooms.stats(room.id)
    assert stats is not None
    assert (stats.message_count, stats.last_activity) == (1, message.created_at)
    assert await store.rooms.stats("none") is None


@pytest.mark.parametrize(
    "text", ["$name", "$$ROOT", "$ne", '{"$gt": ""}', "a.b", ".*", "'; DROP TABLE rooms; --", "\\"]
)
@pytest.mark.gen_test
async def test_what_looks_like_an_operator_is_data_wherever_it_stands(
    store: Store, fill: StoreFiller, text: str
) -> None:
    ann = await fill.user()
    room_id = (await fill.room(ann, name=text)).room.id
    await fill.room(ann, name="plain")
    found, _ = await store.rooms.list_for(ann.id, mine=False, query=text, limit=9, after=None)
    assert [one.room.name for one in found] == [text]
    found, _ = await store.rooms.list_for(ann.id, mine=True, query=text, limit=9, after=None)
    assert [one.room.name for one in found] == [text]
    assert await store.rooms.list_for(text, mine=True, query=None, limit=9, after=None) == ([], None)
    assert len((await store.rooms.list_for(text, mine=False, query=None, limit=9, after=None))[0]) == 2
    assert await store.rooms.get(text) is None
    of = await store.rooms.get_for(room_id, text)
    assert of is not None
    assert of.membership is None
    assert dict(await store.rooms.heads([text])) == {}
    assert await store.rooms.stats(text) is None
    assert await store.members.get(room_id, text) is None
    assert await store.members.mark_read(room_id, text, 1) is None
    assert await store.sessions.get(text) is None
    assert await store.users.get(text) is None
    assert await store.users.account_by_login(username=text) is None
    assert await store.users.search(text, 9) == []
    (outcome,) = await store.messages.append(room_id, [fill.draft(ann, text, client_id=text, mentions=(text,))])
    assert isinstance(outcome, Stored)
    assert (outcome.message.content, outcome.message.client_id, outcome.message.mentions) == (text, text, ())
    assert await store.messages.by_client_id(room_id, ann.id, text) == outcome.message
    changed = await store.users.update(ann.id, ProfileChange(display_name=text, custom_status=text))
    assert (changed.display_name, changed.custom_status) == (text, text)
    assert await store.users.search(text, 9) == [changed]


@pytest.mark.gen_test
async def test_the_peers_of_direct_rooms_are_the_others_as_they_are_now(store: Store, fill: StoreFiller) -> None:
    ann, bob, cy, eve = [await fill.user() for _ in range(4)]
    with_bob = (await store.rooms.direct(ann.id, bob.id))[0].room.id
    with_cy = (await store.rooms.direct(cy.id, ann.id))[0].room.id
    plain = (await fill.room(ann)).room.id
    await store.users.update(bob.id, ProfileChange(display_name="Robert"))
    wanted = [(with_bob, ann.id), (plain, ann.id), (with_bob, bob.id), (with_cy, ann.id), ("none", ann.id)]
    peers = await store.rooms.peers(wanted)
    assert [None if peer is None else peer.id for peer in peers] == [bob.id, None, ann.id, cy.id, None]
    assert peers[0] == await store.users.get(bob.id)
    assert peers[0] is not None
    assert peers[0].display_name == "Robert"
    assert await store.rooms.peers([(with_bob, eve.id)]) == [None]
    assert await store.rooms.peers([]) == []
