from __future__ import annotations

import asyncio

import pytest

from store.contract import Store
from store.errors import Missing, RoomFull
from store.models import Change, MembershipChange, Role
from tests.contract.conftest import StoreFiller, on_each_backend


@pytest.mark.gen_test
async def test_who_joins_has_read_everything_and_is_counted_and_logged(store: Store, fill: StoreFiller) -> None:
    ann, bob = await fill.user(), await fill.user()
    room_id = (await fill.room(ann)).room.id
    await fill.say(room_id, ann, "one", "two")
    joined = await store.members.add(room_id, bob.id)
    assert (joined.changed, joined.rev, joined.room.member_count, joined.room.rev) == (True, 1, 2, 1)
    assert joined.membership is not None
    assert (joined.membership.role, joined.membership.read_seq, joined.membership.unread_count) == (Role.MEMBER, 2, 0)
    assert await store.members.get(room_id, bob.id) == joined.membership
    assert (await store.changes.page(room_id, since=0, limit=10)).changes == (Change(1, None),)


@pytest.mark.gen_test
async def test_joining_again_changes_nothing(store: Store, fill: StoreFiller) -> None:
    ann, bob = await fill.user(), await fill.user()
    room_id = (await fill.room(ann)).room.id
    first = await store.members.add(room_id, bob.id)
    again = await store.members.add(room_id, bob.id, role=Role.MODERATOR)
    assert again == MembershipChange(first.room, first.membership, changed=False, rev=1)


@pytest.mark.gen_test
async def test_joining_what_is_not_there_is_missing(store: Store, fill: StoreFiller) -> None:
    ann = await fill.user()
    room_id = (await fill.room(ann)).room.id
    with pytest.raises(Missing) as missing:
        await store.members.add("none", ann.id)
    assert missing.value.kind == "room"
    with pytest.raises(Missing) as missing:
        await store.members.add(room_id, "nobody")
    assert missing.value.kind == "user"
    with pytest.raises(Missing):
        await store.members.remove("none", ann.id)
    assert (await store.rooms.heads([room_id]))[room_id].rev == 0


@on_each_backend
@pytest.mark.gen_test
async def test_a_room_takes_no_more_than_its_size_however_many_race(store: Store, fill: StoreFiller) -> None:
    ann = await fill.user()
    room_id = (await fill.room(ann, max_users=5)).room.id
    people = [await fill.user() for _ in range(12)]
    outcomes = await asyncio.gather(*(store.members.add(room_id, one.id) for one in people), return_exceptions=True)
    assert sum(isinstance(outcome, RoomFull) for outcome in outcomes) == 8
    revs = sorted(outcome.rev for outcome in outcomes if isinstance(outcome, MembershipChange))
    assert revs == [1, 2, 3, 4]
    room = await store.rooms.get(room_id)
    assert room is not None
    assert (room.member_count, room.rev) == (5, 4)
    assert len((await store.members.list(room_id, limit=100, after=None))[0]) == 5


@pytest.mark.gen_test
async def test_a_place_that_is_left_can_be_taken(store: Store, fill: StoreFiller) -> None:
    ann, bob, cid = await fill.user(), await fill.user(), await fill.user()
    room_id = (await fill.room(ann, max_users=2)).room.id
    await store.members.add(room_id, bob.id)
    with pytest.raises(RoomFull):
        await store.members.add(room_id, cid.id)
    left = await store.members.remove(room_id, bob.id)
    assert (left.changed, left.membership, left.room.member_count, left.rev) == (True, None, 1, 2)
    assert (await store.members.add(room_id, cid.id)).rev == 3


@pytest.mark.gen_test
async def test_leaving_without_being_there_changes_nothing(store: Store, fill: StoreFiller) -> None:
    made = await fill.room(await fill.user())
    left = await store.members.remove(made.room.id, (await fill.user()).id)
    assert left == MembershipChange(made.room, None, changed=False, rev=0)


@pytest.mark.gen_test
async def test_the_longest_standing_moderator_inherits_then_the_longest_standing_member(
    store: Store, fill: StoreFiller
) -> None:
    ann, member, first, second = [await fill.user() for _ in range(4)]
    room_id = (await fill.room(ann)).room.id
    await store.members.add(room_id, member.id)
    await store.members.add(room_id, first.id, role=Role.MODERATOR)
    await store.members.add(room_id, second.id, role=Role.MODERATOR)
    left = await store.members.remove(room_id, ann.id)
    assert (left.user_ids_promoted, left.room.owner_id) == ((first.id,), first.id)
    membership = await store.members.get(room_id, first.id)
    assert membership is not None
    assert membership.role is Role.OWNER
    await store.members.remove(room_id, second.id)
    assert (await store.members.remove(room_id, first.id)).user_ids_promoted == (member.id,)
    last = await store.members.remove(room_id, member.id)
    assert (last.user_ids_promoted, last.room.owner_id, last.room.member_count) == ((), None, 0)


@pytest.mark.gen_test
async def test_when_another_owner_stays_nobody_is_promoted(store: Store, fill: StoreFiller) -> None:
    ann, bob, co_owner = [await fill.user() for _ in range(3)]
    room_id = (await fill.room(ann)).room.id
    await store.members.add(room_id, bob.id, role=Role.MODERATOR)
    await store.members.add(room_id, co_owner.id, role=Role.OWNER)
    left = await store.members.remove(room_id, ann.id)
    assert (left.user_ids_promoted, left.room.owner_id) == ((), co_owner.id)
    assert (await store.members.remove(room_id, bob.id)).user_ids_promoted == ()


@pytest.mark.gen_test
async def test_members_are_listed_by_username_page_by_page(store: Store, fill: StoreFiller) -> None:
    ann = await fill.user("mia")
    room_id = (await fill.room(ann)).room.id
    for name in ("Zed", "adam", "Eva", "bob"):
        await store.members.add(room_id, (await fill.user(name)).id)
    seen: list[str] = []
    after = None
    for _ in range(3):
        found, after = await store.members.list(room_id, limit=2, after=after)
        seen += [member.username for member in found]
    assert (seen, after) == (["adam", "bob", "Eva", "mia", "Zed"], None)
    for bad in ("*", "%%%", "abc=", "ÿ"):
        with pytest.raises(ValueError, match="cursor"):
            await store.members.list(room_id, limit=2, after=bad)
    assert await store.members.list("none", limit=2, after=None) == ([], None)


@pytest.mark.gen_test
async def test_reading_moves_forward_up_to_the_head_and_never_back(store: Store, fill: StoreFiller) -> None:
    ann, bob = await fill.user(), await fill.user()
    room_id = (await fill.room(ann)).room.id
    await store.members.add(room_id, bob.id)
    await store.messages.append(room_id, [fill.draft(ann, mentions=(bob.id,)) for _ in range(3)])
    for seq, expected in ((1, (1, 2, 2)), (0, (1, 2, 2)), (-5, (1, 2, 2)), (2, (2, 1, 1)), (99, (3, 0, 0))):
        state = await store.members.mark_read(room_id, bob.id, seq)
        assert state is not None
        assert (state.read_seq, state.unread_count, state.mention_count) == expected
    assert await store.members.mark_read(room_id, "nobody", 1) is None
    assert await store.members.mark_read("none", bob.id, 1) is None


@pytest.mark.gen_test
async def test_unread_and_mentions_count_what_came_after_one_read(store: Store, fill: StoreFiller) -> None:
    ann, bob = await fill.user(), await fill.user()
    room_id = (await fill.room(ann)).room.id
    await store.members.add(room_id, bob.id)
    await fill.say(room_id, bob, "mine")
    await store.messages.append(room_id, [fill.draft(ann), fill.draft(ann, mentions=(bob.id,))])
    seen = await store.rooms.get_for(room_id, bob.id)
    assert seen is not None
    assert seen.membership is not None
    assert (seen.membership.read_seq, seen.membership.unread_count, seen.membership.mention_count) == (1, 2, 1)
    await fill.say(room_id, bob, "an answer")  # a sent message counts as read by its author
    membership = await store.members.get(room_id, bob.id)
    assert membership is not None
    assert (membership.read_seq, membership.unread_count, membership.mention_count) == (4, 0, 0)


@pytest.mark.gen_test
async def test_the_standings_of_many_are_what_each_would_be_told_alone(store: Store, fill: StoreFiller) -> None:
    ann, bob, cleo = await fill.user(), await fill.user(), await fill.user()
    rooms = [(await fill.room(ann, private=private)).room.id for private in (False, True)]
    for room_id in rooms:
        await store.members.add(room_id, bob.id)
        both = fill.draft(ann, mentions=(bob.id, ann.id))
        await store.messages.append(
            room_id, [both, fill.draft(bob, mentions=(ann.id,)), fill.draft(ann, mentions=(bob.id,))]
        )
    await store.members.mark_read(rooms[0], bob.id, 3)
    await store.members.remove(rooms[1], bob.id)
    await store.members.add(rooms[1], bob.id)
    pairs = [(room_id, user.id) for room_id in (*rooms, "none") for user in (ann, bob, cleo)]
    standings = await store.members.standings([*pairs, pairs[0]])
    assert standings == [await store.rooms.get_for(*pair) for pair in (*pairs, pairs[0])]
    memberships = [of.membership for of in standings if of is not None and of.membership is not None]
    assert [one.joined_rev for one in memberships] == [0, 1, 0, 3, 0]
    assert await store.members.standings([]) == []


@pytest.mark.gen_test
async def test_a_standing_says_at_which_rev_somebody_was_no_member(store: Store, fill: StoreFiller) -> None:
    ann, bob = await fill.user(), await fill.user()
    room_id = (await fill.room(ann)).room.id
    await store.members.add(room_id, bob.id)
    left = await store.members.remove(room_id, bob.id)
    (standing,) = await store.members.standings([(room_id, bob.id)])
    assert standing is not None
    assert (standing.membership, standing.room.rev) == (None, left.rev)


@pytest.mark.gen_test
async def test_the_rooms_of_somebody_come_with_the_revs_of_their_joining(store: Store, fill: StoreFiller) -> None:
    ann, bob = await fill.user(), await fill.user()
    own, other = [(await fill.room(one)).room.id for one in (bob, ann)]
    joined = await store.members.add(other, bob.id)
    assert await store.rooms.joined_by(bob.id) == {own: 0, other: joined.rev}
    await store.members.remove(other, bob.id)
    assert await store.rooms.joined_by(bob.id) == {own: 0}
    again = await store.members.add(other, bob.id)
    assert await store.rooms.joined_by(bob.id) == {own: 0, other: again.rev}
    assert again.membership is not None
    assert again.membership.joined_rev == again.rev > joined.rev
    assert await store.rooms.joined_by_each([bob.id, "nobody", ann.id]) == {
        bob.id: {own: 0, other: again.rev},
        "nobody": {},
        ann.id: {other: 0},
    }
    assert await store.rooms.joined_by_each([]) == {}


@pytest.mark.gen_test
async def test_members_are_found_by_the_beginning_of_their_name_page_by_page(store: Store, fill: StoreFiller) -> None:
    ann = await fill.user("ann")
    room_id = (await fill.room(ann)).room.id
    for name in ("Anna", "anne", "Bob", "an_x", "a.n", "Straße"):
        await store.members.add(room_id, (await fill.user(name)).id)
    await fill.user("annabel")  # no member

    async def names(prefix: str) -> list[str]:
        found: list[str] = []
        after = None
        while True:
            page, after = await store.members.list(room_id, limit=2, after=after, prefix=prefix)
            found += [member.username for member in page]
            if after is None:
                return found

    assert await names("ANN") == ["ann", "Anna", "anne"]
    assert await names("an_") == ["an_x"]
    assert await names("STRASS") == ["Straße"]
    assert await names("a%") == []
    assert await names(".*") == []
    assert len(await names("")) == 7


@pytest.mark.gen_test
async def test_who_joins_a_room_that_nobody_is_in_becomes_its_owner(store: Store, fill: StoreFiller) -> None:
    ann, bob, cy = await fill.user(), await fill.user(), await fill.user()
    room_id = (await fill.room(ann)).room.id
    left = await store.members.remove(room_id, ann.id)
    assert (left.room.owner_id, left.room.member_count) == (None, 0)
    joined = await store.members.add(room_id, bob.id)
    assert joined.membership is not None
    assert (joined.room.owner_id, joined.membership.role) == (bob.id, Role.OWNER)
    later = await store.members.add(room_id, cy.id)
    assert later.membership is not None
    assert (later.room.owner_id, later.membership.role) == (bob.id, Role.MEMBER)
    assert not (await store.members.add(room_id, bob.id)).changed
