"""Mentions of members and of all, as unread counts show them."""

from __future__ import annotations

import pytest

from store.contract import Store
from store.models import ROOM_MENTION, Actor, Message, Refusal, Role, Stored, User
from tests.contract.conftest import StoreFiller


async def room_of(store: Store, fill: StoreFiller, *, members: int) -> tuple[str, User, list[User]]:
    ann = await fill.user()
    room_id = (await fill.room(ann)).room.id
    others = [await fill.user() for _ in range(members)]
    for other in others:
        await store.members.add(room_id, other.id)
    return room_id, ann, others


async def mention(store: Store, fill: StoreFiller, room_id: str, author: User, *who: str) -> Message:
    (outcome,) = await store.messages.append(room_id, [fill.draft(author, mentions=who)])
    assert isinstance(outcome, Stored)
    return outcome.message


async def counts(store: Store, room_id: str, *people: User) -> list[int]:
    """The unread mentions of each, the same by every way of asking."""
    found = []
    for person in people:
        of_room = await store.rooms.get_for(room_id, person.id)
        membership = await store.members.get(room_id, person.id)
        (standing,) = await store.members.standings([(room_id, person.id)])
        (listed,), _ = await store.rooms.list_for(person.id, mine=True, query=None, limit=9, after=None)
        (seen,), _ = await store.rooms.list_for(person.id, mine=False, query=None, limit=9, after=None)
        assert of_room == standing == listed == seen
        assert of_room is not None
        assert of_room.membership == membership
        assert membership is not None
        found.append(membership.mention_count)
    return found


@pytest.mark.gen_test
async def test_a_mention_of_all_counts_for_every_member_until_they_have_read_it(
    store: Store, fill: StoreFiller
) -> None:
    room_id, ann, (bob, cleo) = await room_of(store, fill, members=2)
    message = await mention(store, fill, room_id, ann, ROOM_MENTION)
    assert message.mentions == (ROOM_MENTION,)
    assert await store.messages.get(message.id) == message
    await mention(store, fill, room_id, ann, bob.id)
    assert await counts(store, room_id, ann, bob, cleo) == [0, 2, 1]
    state = await store.members.mark_read(room_id, bob.id, 1)
    assert state is not None
    assert (state.unread_count, state.mention_count) == (1, 1)
    await store.members.mark_read(room_id, cleo.id, 1)
    assert await counts(store, room_id, bob, cleo) == [1, 0]


@pytest.mark.gen_test
async def test_who_is_mentioned_by_id_and_with_all_counts_one_message(store: Store, fill: StoreFiller) -> None:
    room_id, ann, (bob, cleo) = await room_of(store, fill, members=2)
    message = await mention(store, fill, room_id, ann, bob.id, ROOM_MENTION, "nobody", bob.id)
    assert message.mentions == (bob.id, ROOM_MENTION)
    assert await counts(store, room_id, bob, cleo) == [1, 1]


@pytest.mark.gen_test
async def test_mentions_of_all_count_in_their_own_room_only_and_from_the_joining_on(
    store: Store, fill: StoreFiller
) -> None:
    room_id, ann, (bob,) = await room_of(store, fill, members=1)
    other = (await fill.room(ann, private=True)).room.id
    await mention(store, fill, other, ann, ROOM_MENTION)
    assert await counts(store, room_id, bob) == [0]
    await mention(store, fill, room_id, ann, ROOM_MENTION)
    cleo = await fill.user()
    await store.members.add(room_id, cleo.id)
    assert [await counts(store, room_id, one) for one in (bob, cleo)] == [[1], [0]]


@pytest.mark.gen_test
async def test_only_moderators_and_administrators_mention_all(store: Store, fill: StoreFiller) -> None:
    room_id, _, (bob, cleo) = await room_of(store, fill, members=2)
    moderator, stranger = await fill.user(), await fill.user()
    await store.members.add(room_id, moderator.id, role=Role.MODERATOR)
    all_of_them = (ROOM_MENTION, cleo.id)
    outcomes = await store.messages.append(
        room_id,
        [
            fill.draft(bob, mentions=all_of_them),
            fill.draft(stranger, mentions=all_of_them, by_admin=True),
            fill.draft(moderator, mentions=all_of_them),
            fill.draft(bob, mentions=all_of_them, by_admin=True),
        ],
    )
    assert outcomes[:2] == [Refusal.FORBIDDEN, Refusal.NOT_MEMBER]
    assert [outcome.message.seq for outcome in outcomes[2:] if isinstance(outcome, Stored)] == [1, 2]
    assert await counts(store, room_id, cleo) == [2]


@pytest.mark.gen_test
async def test_a_resend_of_a_mention_of_all_is_a_duplicate_also_for_who_is_no_moderator_any_more(
    store: Store, fill: StoreFiller
) -> None:
    room_id, _, (bob,) = await room_of(store, fill, members=1)
    moderator = await fill.user()
    await store.members.add(room_id, moderator.id, role=Role.MODERATOR)
    draft = fill.draft(moderator, mentions=(ROOM_MENTION,))
    (first,) = await store.messages.append(room_id, [draft])
    assert isinstance(first, Stored)
    await store.members.remove(room_id, moderator.id)
    await store.members.add(room_id, moderator.id)
    assert await store.messages.append(room_id, [draft]) == [Stored(first.message, True)]
    assert await counts(store, room_id, bob) == [1]


@pytest.mark.gen_test
async def test_an_edit_keeps_mentions_and_a_deletion_takes_them_from_the_counts(
    store: Store, fill: StoreFiller
) -> None:
    room_id, ann, (bob, cleo) = await room_of(store, fill, members=2)
    to_all = await mention(store, fill, room_id, ann, ROOM_MENTION)
    to_bob = await mention(store, fill, room_id, ann, bob.id)
    for message in (to_all, to_bob):
        edited = await store.messages.edit(message.id, "edited", actor=Actor(ann.id))
        assert edited.message.mentions == message.mentions
    assert await counts(store, room_id, bob, cleo) == [2, 1]
    assert (await store.messages.delete(to_all.id, actor=Actor(ann.id))).message.mentions == ()
    assert await counts(store, room_id, bob, cleo) == [1, 0]
    await store.messages.delete(to_bob.id, actor=Actor(ann.id))
    assert await counts(store, room_id, bob, cleo) == [0, 0]
