from __future__ import annotations

import asyncio

import pytest

from store.contract import Store
from store.errors import Missing, TooManyKinds
from store.models import REACTION_KINDS_MAX, REACTION_USERS_NAMED, Change, Message, Reaction
from tests.contract.conftest import Reopen, StoreFiller, on_each_backend
from tests.support.clock import HandClock


async def said(fill: StoreFiller, content: str = "hello") -> Message:
    ann = await fill.user()
    (message,) = await fill.say((await fill.room(ann)).room.id, ann, content)
    return message


@pytest.mark.gen_test
async def test_an_edit_replaces_the_content_and_is_an_entry_of_the_log(
    store: Store, fill: StoreFiller, clock: HandClock
) -> None:
    message = await said(fill)
    clock.ms += 1000
    edited = (await store.messages.edit(message.id, "héllo")).message
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
    change = await store.messages.edit(message.id, "hello")
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
    await store.messages.react(message.id, bob.id, "👍", on=True)
    clock.ms += 1000
    deleted = (await store.messages.delete(message.id)).message
    assert (deleted.id, deleted.seq, deleted.rev, deleted.user_id) == (message.id, 1, 3, ann.id)
    assert (deleted.content, deleted.attachments, deleted.mentions, deleted.reactions) == (None, (), (), {})
    assert deleted.deleted_at == "2027-01-15T08:00:01.000Z"
    assert await store.messages.get(message.id) == deleted
    membership = await store.members.get(room_id, bob.id)
    assert membership is not None
    assert (membership.unread_count, membership.mention_count) == (1, 0)

    again = await store.messages.delete(message.id)
    assert (again.changed, again.message) == (False, deleted)
    for change in (
        store.messages.edit(message.id, "back"),
        store.messages.react(message.id, bob.id, "👍", on=True),
        store.messages.react(message.id, bob.id, "👍", on=False),
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
        store.messages.edit(no_id, "x"),
        store.messages.delete(no_id),
        store.messages.react(no_id, message.user_id, "👍", on=True),
    ):
        with pytest.raises(Missing) as missing:
            await change
        assert missing.value.kind == "message"


@pytest.mark.gen_test
async def test_a_resend_of_a_changed_message_gets_it_as_it_now_is(store: Store, fill: StoreFiller) -> None:
    ann = await fill.user()
    room_id = (await fill.room(ann)).room.id
    (message,) = await fill.say(room_id, ann, "first")
    edited = (await store.messages.edit(message.id, "second")).message
    draft = fill.draft(ann, "first", message.client_id)
    assert [outcome.message for outcome in await store.messages.append(room_id, [draft])] == [edited]  # type: ignore[union-attr]


@pytest.mark.gen_test
async def test_a_reaction_counts_once_a_person_and_can_be_taken_back(store: Store, fill: StoreFiller) -> None:
    message = await said(fill)
    for user_id in ("u1", "u2", "u1"):
        await store.messages.react(message.id, user_id, "👍", on=True)
    change = await store.messages.react(message.id, "u1", "a.$b", on=True)
    assert change.message.reactions == {"👍": Reaction(2, ("u1", "u2")), "a.$b": Reaction(1, ("u1",))}
    assert await store.messages.get(message.id) == change.message
    assert change.message.rev == 3

    again = await store.messages.react(message.id, "u1", "👍", on=True)
    assert (again.changed, again.message) == (False, change.message)
    assert not (await store.messages.react(message.id, "u9", "👍", on=False)).changed
    await store.messages.react(message.id, "u1", "👍", on=False)
    last = await store.messages.react(message.id, "u2", "👍", on=False)
    assert last.message.reactions == {"a.$b": Reaction(1, ("u1",))}
    back = await store.messages.react(message.id, "u1", "👍", on=True)
    assert back.message.reactions == {"a.$b": Reaction(1, ("u1",)), "👍": Reaction(1, ("u1",))}


@pytest.mark.gen_test
async def test_all_who_react_are_counted_and_the_first_are_named(store: Store, fill: StoreFiller) -> None:
    message = await said(fill)
    people = [f"u{number:02}" for number in range(REACTION_USERS_NAMED + 3)]
    for user_id in people:
        change = await store.messages.react(message.id, user_id, "👍", on=True)
    assert change.message.reactions == {"👍": Reaction(len(people), tuple(people[:REACTION_USERS_NAMED]))}
    change = await store.messages.react(message.id, "u22", "👍", on=False)
    assert change.message.reactions == {"👍": Reaction(len(people) - 1, tuple(people[:REACTION_USERS_NAMED]))}
    change = await store.messages.react(message.id, "u05", "👍", on=False)
    named = [*people[:5], *people[6 : REACTION_USERS_NAMED + 1]]
    assert change.message.reactions == {"👍": Reaction(len(people) - 2, tuple(named))}


@pytest.mark.gen_test
async def test_a_message_takes_no_more_kinds_of_reaction_than_it_may(store: Store, fill: StoreFiller) -> None:
    message = await said(fill)
    for number in range(REACTION_KINDS_MAX):
        await store.messages.react(message.id, "u1", f"e{number}", on=True)
    with pytest.raises(TooManyKinds):
        await store.messages.react(message.id, "u1", "one more", on=True)
    assert (await store.messages.react(message.id, "u2", "e0", on=True)).changed
    await store.messages.react(message.id, "u1", "e1", on=False)
    assert (await store.messages.react(message.id, "u1", "one more", on=True)).changed


@on_each_backend
@pytest.mark.gen_test
async def test_many_who_react_at_once_are_all_counted_and_see_one_message_a_rev(
    store: Store, fill: StoreFiller
) -> None:
    message = await said(fill)
    people = [f"u{number}" for number in range(60)]
    changes = await asyncio.gather(*(store.messages.react(message.id, one, "👍", on=True) for one in people * 2))
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


@on_each_backend
@pytest.mark.gen_test
async def test_changes_of_all_kinds_at_once_leave_each_message_as_the_log_says(
    store: Store, fill: StoreFiller, open_again: Reopen
) -> None:
    ann = await fill.user()
    room_id = (await fill.room(ann)).room.id
    messages = await fill.say(room_id, ann, *(f"message {number}" for number in range(10)))
    people = [await fill.user() for _ in range(10)]
    work = [
        change
        for number, message in enumerate(messages)
        for change in (
            store.messages.edit(message.id, "edited"),
            store.messages.react(message.id, "u1", "👍", on=True),
            store.messages.edit(message.id, f"edited {number}"),
            store.messages.react(message.id, "u1", "👍", on=False),
            store.members.add(room_id, people[number].id),
            store.messages.delete(message.id)
            if number % 3 == 0
            else store.messages.react(message.id, "u2", "x", on=True),
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
