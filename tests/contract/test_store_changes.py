from __future__ import annotations

import pytest

from store.contract import Store
from store.models import Actor, Change, ChangePage
from tests.contract.conftest import StoreFiller
from tests.support.actors import ADMIN
from tests.support.clock import HandClock


@pytest.mark.gen_test
async def test_joins_and_leaves_are_entries_in_order(store: Store, fill: StoreFiller) -> None:
    ann = await fill.user()
    room_id = (await fill.room(ann)).room.id
    for _ in range(3):
        guest = await fill.user()
        await store.members.add(room_id, guest.id)
        await store.members.remove(room_id, guest.id)

    first = await store.changes.page(room_id, since=0, limit=4)
    assert first == ChangePage(tuple(Change(rev, None) for rev in (1, 2, 3, 4)), rev=6, has_more=True, expired=False)
    rest = await store.changes.page(room_id, since=4, limit=4)
    assert rest == ChangePage(tuple(Change(rev, None) for rev in (5, 6)), rev=6, has_more=False, expired=False)
    assert await store.changes.page(room_id, since=6, limit=4) == ChangePage((), rev=6, has_more=False, expired=False)


@pytest.mark.gen_test
async def test_a_rev_from_the_future_gets_nothing_and_is_not_expired(store: Store, fill: StoreFiller) -> None:
    room_id = (await fill.room(await fill.user())).room.id
    assert await store.changes.page(room_id, since=9, limit=4) == ChangePage((), rev=0, has_more=False, expired=False)
    latest = await store.changes.latest_between(room_id, since=9, upto=12, limit=4)
    assert latest == ChangePage((), rev=0, has_more=False, expired=False)


@pytest.mark.gen_test
async def test_membership_is_left_out_of_what_changed_last(store: Store, fill: StoreFiller) -> None:
    room_id = (await fill.room(await fill.user())).room.id
    await store.members.add(room_id, (await fill.user()).id)
    latest = await store.changes.latest_between(room_id, since=0, upto=1, limit=4)
    assert latest == ChangePage((), rev=1, has_more=False, expired=False)


@pytest.mark.gen_test
async def test_the_log_tells_a_reaction_from_an_edit_whatever_came_before_it(
    store: Store, fill: StoreFiller, clock: HandClock
) -> None:
    """All at one time of the clock: what the message looks like does not tell."""
    ann, bob = await fill.user(), await fill.user()
    room_id = (await fill.room(ann)).room.id
    (message,) = await fill.say(room_id, ann, "hello")
    await store.members.add(room_id, bob.id)
    await store.messages.react(message.id, "👍", actor=Actor(ann.id), on=True)
    await store.messages.edit(message.id, "good day", actor=ADMIN)
    await store.messages.react(message.id, "👍", actor=Actor(bob.id), on=True)
    await store.messages.react(message.id, "👍", actor=Actor(bob.id), on=False)
    await store.messages.edit(message.id, ',"isReaction":true}', actor=ADMIN)
    await store.members.add(room_id, (await fill.user()).id)
    page = await store.changes.page(room_id, since=1, limit=9)
    shown = [(change.is_reaction, change.message and change.message.deleted_at is not None) for change in page.changes]
    assert shown == [
        (True, False),
        (False, False),
        (True, False),
        (True, False),
        (False, False),
        (False, None),
    ]
    assert [change.message and change.message.rev for change in page.changes] == [2, 3, 4, 5, 6, None]


@pytest.mark.gen_test
async def test_the_log_gives_out_no_text_of_a_message_that_was_deleted_since(store: Store, fill: StoreFiller) -> None:
    ann = await fill.user()
    room_id = (await fill.room(ann)).room.id
    secret, kept = await fill.say(room_id, ann, "first secret", "kept")
    await store.messages.edit(secret.id, "second secret", actor=ADMIN)
    await store.messages.edit(kept.id, "kept too", actor=ADMIN)
    await store.messages.react(secret.id, "👍", actor=Actor(ann.id), on=True)
    tombstone = (await store.messages.delete(secret.id, actor=ADMIN)).message
    page = await store.changes.page(room_id, since=0, limit=9)
    now = await store.messages.get(kept.id)
    assert page.changes == (Change(1, tombstone), Change(2, now), Change(3, tombstone), Change(4, tombstone))
    assert tombstone.content is None
