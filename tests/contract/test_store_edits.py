from __future__ import annotations

import asyncio

import pytest

from store.contract import Store
from store.errors import Missing, Refused, TooManyKinds
from store.models import REACTION_KINDS_MAX, REACTION_USERS_NAMED, Actor, Change, Message, Reaction, Refusal
from tests.contract.conftest import Reopen, StoreFiller, on_each_backend
from tests.support.actors import ADMIN
from tests.support.clock import HandClock


async def said(fill: StoreFiller, content: str = "hello") -> Message:
    ann = await fill.user()
    (message,) = await fill.say((await fill.room(ann)).room.id, ann, content)
    return message


async def said_among(fill: StoreFiller, count: int) -> tuple[Message, list[Actor]]:
    """A message, and `count` members who did not write it; the room's rev is then `count`."""
    message = await said(fill)
    return message, [Actor(one.id) for one in await fill.members(message.room_id, count)]


@pytest.mark.gen_test
async def test_an_edit_replaces_the_content_and_is_an_entry_of_the_log(
    store: Store, fill: StoreFiller, clock: HandClock
) -> None:
    message = await said(fill)
    clock.ms += 1000
    edited = (await store.messages.edit(message.id, "héllo", actor=ADMIN)).message
    assert (edited.content, edited.rev, edited.seq) == ("héllo", 1, message.seq)
    assert (edited.created_at, edited.edited_at) == (message.created_at, "2027-01-15T08:00:01.000Z")
    assert await store.messages.get(message.id) == edited
    assert (await store.messages.page(message.room_id, limit=5)).messages == (edited,)
    assert (await store.changes.page(message.room_id, since=0, limit=9)).changes == (Change(1, edited),)
    assert (await store.changes.latest_between(message.room_id, since=0, upto=1, limit=9)).changes == (
        Change(1, edited),
    )
    assert (await store.rooms.heads([message.room_id]))[message.room_id].rev == 1


@pytest.mark.gen_test
async def test_an_edit_to_the_same_content_changes_nothing(store: Store, fill: StoreFiller) -> None:
    message = await said(fill)
    change = await store.messages.edit(message.id, "hello", actor=ADMIN)
    assert (change.changed, change.message) == (False, message)
    assert (await store.rooms.heads([message.room_id]))[message.room_id].rev == 0


@pytest.mark.gen_test
async def test_a_deleted_message_keeps_its_place_and_nothing_else(
    store: Store, fill: StoreFiller, clock: HandClock
) -> None:
    ann, bob = await fill.user(), await fill.user()
    room_id = (await fill.room(ann)).room.id
    await store.members.add(room_id, bob.id)
    (outcome,) = await store.messages.append(room_id, [fill.draft(ann, "secret", mentions=(bob.id,))])
    message = outcome.message  # type: ignore[union-attr]
    await store.messages.react(message.id, "👍", actor=Actor(bob.id), on=True)
    clock.ms += 1000
    deleted = (await store.messages.delete(message.id, actor=ADMIN)).message
    assert (deleted.id, deleted.seq, deleted.rev, deleted.user_id) == (message.id, 1, 3, ann.id)
    assert (deleted.content, deleted.attachments, deleted.mentions, deleted.reactions) == (None, (), (), {})
    assert deleted.deleted_at == "2027-01-15T08:00:01.000Z"
    assert await store.messages.get(message.id) == deleted
    membership = await store.members.get(room_id, bob.id)
    assert membership is not None
    assert (membership.unread_count, membership.mention_count) == (1, 0)

    again = await store.messages.delete(message.id, actor=ADMIN)
    assert (again.changed, again.message) == (False, deleted)
    for change in (
        store.messages.edit(message.id, "back", actor=ADMIN),
        store.messages.react(message.id, "👍", actor=Actor(bob.id), on=True),
        store.messages.react(message.id, "👍", actor=Actor(bob.id), on=False),
    ):
        with pytest.raises(Missing) as missing:
            await change
        assert missing.value.kind == "message"


@pytest.mark.parametrize("message_id", ["", "x", "{room}-0", "{room}-2", "none-1", "$where-1"])
@pytest.mark.gen_test
async def test_what_is_no_message_cannot_be_changed(store: Store, fill: StoreFiller, message_id: str) -> None:
    message = await said(fill)
    no_id = message_id.format(room=message.room_id)
    for change in (
        store.messages.edit(no_id, "x", actor=ADMIN),
        store.messages.delete(no_id, actor=ADMIN),
        store.messages.react(no_id, "👍", actor=Actor(message.user_id), on=True),
    ):
        with pytest.raises(Missing) as missing:
            await change
        assert missing.value.kind == "message"


@pytest.mark.gen_test
async def test_a_resend_of_a_changed_message_gets_it_as_it_now_is(store: Store, fill: StoreFiller) -> None:
    ann = await fill.user()
    room_id = (await fill.room(ann)).room.id
    (message,) = await fill.say(room_id, ann, "first")
    edited = (await store.messages.edit(message.id, "second", actor=ADMIN)).message
    draft = fill.draft(ann, "first", message.client_id)
    assert [outcome.message for outcome in await store.messages.append(room_id, [draft])] == [edited]  # type: ignore[union-attr]


@pytest.mark.gen_test
async def test_a_reaction_counts_once_a_person_and_can_be_taken_back(store: Store, fill: StoreFiller) -> None:
    message, (one, two, other) = await said_among(fill, 3)
    for actor in (one, two, one):
        await store.messages.react(message.id, "👍", actor=actor, on=True)
    change = await store.messages.react(message.id, "a.$b", actor=one, on=True)
    assert change.message.reactions == {
        "👍": Reaction(2, (one.user_id, two.user_id)),
        "a.$b": Reaction(1, (one.user_id,)),
    }
    assert await store.messages.get(message.id) == change.message
    assert change.message.rev == 3 + 3

    again = await store.messages.react(message.id, "👍", actor=one, on=True)
    assert (again.changed, again.message) == (False, change.message)
    assert not (await store.messages.react(message.id, "👍", actor=other, on=False)).changed
    await store.messages.react(message.id, "👍", actor=one, on=False)
    last = await store.messages.react(message.id, "👍", actor=two, on=False)
    assert last.message.reactions == {"a.$b": Reaction(1, (one.user_id,))}
    back = await store.messages.react(message.id, "👍", actor=one, on=True)
    assert back.message.reactions == {"a.$b": Reaction(1, (one.user_id,)), "👍": Reaction(1, (one.user_id,))}


@pytest.mark.gen_test
async def test_all_who_react_are_counted_and_the_first_are_named(
    store: Store, fill: StoreFiller, clock: HandClock
) -> None:
    message, people = await said_among(fill, REACTION_USERS_NAMED + 3)
    ids = [one.user_id for one in people]
    for actor in people:
        clock.ms += 1
        change = await store.messages.react(message.id, "👍", actor=actor, on=True)
    assert change.message.reactions == {"👍": Reaction(len(ids), tuple(ids[:REACTION_USERS_NAMED]))}
    change = await store.messages.react(message.id, "👍", actor=people[22], on=False)
    assert change.message.reactions == {"👍": Reaction(len(ids) - 1, tuple(ids[:REACTION_USERS_NAMED]))}
    change = await store.messages.react(message.id, "👍", actor=people[5], on=False)
    named = [*ids[:5], *ids[6 : REACTION_USERS_NAMED + 1]]
    assert change.message.reactions == {"👍": Reaction(len(ids) - 2, tuple(named))}


@pytest.mark.gen_test
async def test_a_message_takes_no_more_kinds_of_reaction_than_it_may(store: Store, fill: StoreFiller) -> None:
    message, (one, two) = await said_among(fill, 2)
    for number in range(REACTION_KINDS_MAX):
        await store.messages.react(message.id, f"e{number}", actor=one, on=True)
    with pytest.raises(TooManyKinds):
        await store.messages.react(message.id, "one more", actor=one, on=True)
    assert (await store.messages.react(message.id, "e0", actor=two, on=True)).changed
    await store.messages.react(message.id, "e1", actor=one, on=False)
    assert (await store.messages.react(message.id, "one more", actor=one, on=True)).changed


@pytest.mark.gen_test
async def test_reactions_that_one_person_puts_and_takes_back_for_ever_leave_one_row_at_most(
    store: Store, fill: StoreFiller
) -> None:
    message, (one, two) = await said_among(fill, 2)
    for _ in range(10):
        await asyncio.gather(
            *(store.messages.react(message.id, "👍", actor=one, on=bool(number % 2)) for number in range(100))
        )
    change = await store.messages.react(message.id, "👍", actor=two, on=True)
    assert change.message.reactions == {"👍": Reaction(2, (one.user_id, two.user_id))}
    assert change.message.rev < 2 + 100, "those of a batch share an entry"


@on_each_backend
@pytest.mark.gen_test
async def test_many_who_react_at_once_are_all_counted_and_see_one_message_a_rev(
    store: Store, fill: StoreFiller
) -> None:
    message, people = await said_among(fill, 60)
    changes = await asyncio.gather(*(store.messages.react(message.id, "👍", actor=one, on=True) for one in people * 2))
    assert sum(change.changed for change in changes) == len(people)
    now = await store.messages.get(message.id)
    assert now is not None
    assert now.reactions["👍"].count == len(people)
    by_rev: dict[int, set[int]] = {}
    for change in changes:
        by_rev.setdefault(change.message.rev, set()).add(change.message.reactions["👍"].count)
    assert all(len(counts) == 1 for counts in by_rev.values()), "two messages with one rev are the same"
    log = await store.changes.page(message.room_id, since=0, limit=1000)
    assert [change.rev for change in log.changes] == list(range(1, now.rev + 1))
    assert log.changes[-1].message == now


@pytest.mark.gen_test
async def test_reactions_of_one_loop_turn_share_an_entry_and_others_are_refused_alone(
    store: Store, fill: StoreFiller
) -> None:
    message, people = await said_among(fill, 30)
    outcomes = await asyncio.gather(
        *(store.messages.react(message.id, "👍", actor=one, on=True) for one in people),
        store.messages.react(message.id, "👍", actor=Actor("stranger"), on=True),
        store.messages.react(f"{message.room_id}-9", "👍", actor=people[0], on=True),
        return_exceptions=True,
    )
    assert isinstance(outcomes[-2], Refused) and outcomes[-2].refusal is Refusal.NOT_MEMBER
    assert isinstance(outcomes[-1], Missing)
    now = await store.messages.get(message.id)
    assert now is not None and now.reactions["👍"].count == len(people)
    assert now.rev <= 30 + 2, "the first may be alone, those that came while it was written are one entry"
    log = await store.changes.page(message.room_id, since=30, limit=100)
    assert [(change.rev, change.is_reaction) for change in log.changes] == [
        (rev, True) for rev in range(31, now.rev + 1)
    ]


@on_each_backend
@pytest.mark.gen_test
async def test_changes_of_all_kinds_at_once_leave_each_message_as_the_log_says(
    store: Store, fill: StoreFiller, open_again: Reopen
) -> None:
    ann = await fill.user()
    room_id = (await fill.room(ann)).room.id
    messages = await fill.say(room_id, ann, *(f"message {number}" for number in range(10)))
    people = [await fill.user() for _ in range(10)]
    await store.members.add(room_id, people[0].id)
    one, two = Actor(ann.id), Actor(people[0].id)
    work = [
        change
        for number, message in enumerate(messages)
        for change in (
            store.messages.edit(message.id, "edited", actor=ADMIN),
            store.messages.react(message.id, "👍", actor=one, on=True),
            store.messages.edit(message.id, f"edited {number}", actor=ADMIN),
            store.messages.react(message.id, "👍", actor=one, on=False),
            store.members.add(room_id, people[number].id),
            store.messages.delete(message.id, actor=ADMIN)
            if number % 3 == 0
            else store.messages.react(message.id, "x", actor=two, on=True),
        )
    ]
    outcomes = await asyncio.gather(*work, return_exceptions=True)
    assert not [one for one in outcomes if isinstance(one, BaseException) and not isinstance(one, Missing)]
    reopened = await open_again()
    log = await reopened.changes.page(room_id, since=0, limit=1000)
    assert [change.rev for change in log.changes] == list(range(1, log.rev + 1))
    newest = {change.message.id: change.message for change in log.changes if change.message is not None}
    assert (
        tuple(newest[message.id] for message in messages) == (await reopened.messages.page(room_id, limit=50)).messages
    )
    room = await reopened.rooms.get(room_id)
    assert room is not None
    assert (room.member_count, room.rev) == (11, log.rev)
