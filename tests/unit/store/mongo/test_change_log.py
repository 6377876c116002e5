"""The changes log without transactions: processes that are killed before they apply an entry, and that change a room
while another reads it.
"""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from pymongo.database import Database as RawDatabase
from pymongo.errors import AutoReconnect

from store.errors import Missing, StoreUnavailable
from store.models import Actor, ChangePage, Message, MessageSearch, Role
from store.mongo import MongoStore, apply_change, change_log
from store.mongo.database import Collection
from tests.contract.conftest import StoreFiller
from tests.support.actors import ADMIN
from tests.support.clock import HandClock
from tests.unit.store.mongo.conftest import Open

Raw = RawDatabase[dict[str, Any]]
WEEK_MS = 7 * 24 * 3600 * 1000


def stop_before_applying(store: MongoStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """From now on this store inserts entries and fails before it applies them."""

    async def die(*_: object) -> None:
        raise StoreUnavailable("gone")

    monkeypatch.setattr(store._log, "_apply", die)


async def said(fill: StoreFiller) -> Message:
    ann = await fill.user()
    (message,) = await fill.say((await fill.room(ann)).room.id, ann, "first")
    return message


def let_in(raw: Raw, room_id: str, *user_ids: str) -> None:
    """Make users members of a room without a change of it, as if they had made the room."""
    (template,) = raw.members.find({"roomId": room_id, "role": "owner"}, {"_id": 0})
    raw.members.insert_many(
        {**template, "userId": user_id, "usernameFolded": user_id, "role": "member"} for user_id in user_ids
    )


@pytest.mark.gen_test
async def test_an_entry_that_was_not_applied_is_seen_by_no_reader(
    store: MongoStore, fill: StoreFiller, open_mongo: Open, raw: Raw, monkeypatch: pytest.MonkeyPatch
) -> None:
    message = await said(fill)
    stop_before_applying(store, monkeypatch)
    with pytest.raises(StoreUnavailable):
        await store.messages.edit(message.id, "second", actor=ADMIN)
    assert raw.changes.count_documents({"roomId": message.room_id}) == 1
    other = await open_mongo()
    assert await other.messages.get(message.id) == message
    page = await other.messages.page(message.room_id, limit=9)
    assert (page.messages, page.rev) == ((message,), 0)
    assert await other.changes.page(message.room_id, since=0, limit=9) == ChangePage(
        (), 0, has_more=False, expired=False
    )
    assert (await other.rooms.heads([message.room_id]))[message.room_id].rev == 0


@pytest.mark.gen_test
async def test_the_next_change_applies_it_first(
    store: MongoStore, fill: StoreFiller, open_mongo: Open, raw: Raw, monkeypatch: pytest.MonkeyPatch
) -> None:
    message = await said(fill)
    let_in(raw, message.room_id, "u1")
    stop_before_applying(store, monkeypatch)
    with pytest.raises(StoreUnavailable):
        await store.messages.edit(message.id, "second", actor=ADMIN)
    other = await open_mongo()
    change = await other.messages.react(message.id, "👍", actor=Actor("u1"), on=True)
    assert (change.message.rev, change.message.content) == (2, "second")
    log = await other.changes.page(message.room_id, since=0, limit=9)
    assert [(entry.rev, entry.message.content) for entry in log.changes if entry.message] == [
        (1, "second"),
        (2, "second"),
    ]


@pytest.mark.gen_test
async def test_a_join_and_a_leave_that_were_not_applied_are_finished_whole(
    store: MongoStore, fill: StoreFiller, open_mongo: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    ann, bob, cid = await fill.user(), await fill.user(), await fill.user()
    room_id = (await fill.room(ann, max_users=2)).room.id
    stop_before_applying(store, monkeypatch)
    with pytest.raises(StoreUnavailable):
        await store.members.add(room_id, bob.id)
    other = await open_mongo()
    again = await other.members.add(room_id, bob.id)
    assert (again.changed, again.rev, again.room.member_count) == (False, 1, 2)
    stop_before_applying(other, monkeypatch)
    with pytest.raises(StoreUnavailable):
        await other.members.remove(room_id, ann.id)
    third = await open_mongo()
    joined = await third.members.add(room_id, cid.id)
    assert (joined.rev, joined.room.member_count, joined.room.owner_id) == (3, 2, bob.id)
    membership = await third.members.get(room_id, bob.id)
    assert membership is not None
    assert membership.role is Role.OWNER
    assert await third.members.get(room_id, ann.id) is None


@pytest.mark.gen_test
async def test_what_was_left_behind_is_applied_by_who_compares_heads(
    store: MongoStore, fill: StoreFiller, open_mongo: Open, clock: HandClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    message = await said(fill)
    stop_before_applying(store, monkeypatch)
    with pytest.raises(StoreUnavailable):
        await store.messages.edit(message.id, "second", actor=ADMIN)
    other = await open_mongo()
    clock.ms += 999
    assert (await other.rooms.heads([message.room_id]))[message.room_id].rev == 0, "its process may be about to"
    clock.ms += 1
    assert (await other.rooms.heads([message.room_id]))[message.room_id].rev == 1
    now = await other.messages.get(message.id)
    assert now is not None
    assert (now.content, now.rev) == ("second", 1)


@pytest.mark.gen_test
async def test_entries_applied_again_late_do_nothing(
    store: MongoStore, fill: StoreFiller, raw: Raw, open_mongo: Open
) -> None:
    ann, bob = await fill.user(), await fill.user()
    room_id = (await fill.room(ann)).room.id
    message, gone = await fill.say(room_id, ann, "first", "gone")
    for content in ("second", "third"):
        await store.messages.edit(message.id, content, actor=ADMIN)
        await store.messages.edit(gone.id, content, actor=ADMIN)
    for on in (True, False):
        await store.messages.react(message.id, "👍", actor=Actor(ann.id), on=on)
    await store.messages.delete(gone.id, actor=ADMIN)
    await store.members.add(room_id, bob.id)
    await store.members.remove(room_id, bob.id)
    await store.members.add(room_id, bob.id)
    other = await open_mongo()
    entries = await other._database.changes.find({"roomId": room_id}).sort("rev", 1).to_list(None)

    def everything() -> dict[str, list[dict[str, Any]]]:
        names = ("rooms", "members", "messages", "message_edits", "reactions")
        return {name: list(raw[name].find().sort("_id")) for name in names}

    before = everything()
    assert len(entries) == 10
    for number in range(len(entries)):
        await other._log._apply(room_id, entries[number : number + 3])
        assert everything() == before


@pytest.mark.gen_test
async def test_of_reactions_in_one_entry_a_late_part_does_nothing(
    store: MongoStore, fill: StoreFiller, raw: Raw, open_mongo: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody who found the entry unapplied applies it after its process has, and is killed at any write."""
    message = await said(fill)
    let_in(raw, message.room_id, "u1", "u2", "u3")
    steps = [("u1", True), ("u2", True), ("u1", False), ("u3", True), ("u3", False), ("u3", True)]
    await asyncio.gather(
        store.messages.edit(
            message.id, "before", actor=ADMIN
        ),  # changes that arrive while one is under way form one batch
        *(store.messages.react(message.id, "👍", actor=Actor(user_id), on=on) for user_id, on in steps),
    )
    other = await open_mongo()
    entries = await other._database.changes.find({"roomId": message.room_id}).sort("rev", 1).to_list(None)
    assert max(len(entry.get("reactions", ())) for entry in entries) > 2, "they were folded"
    await store.messages.react(message.id, "👍", actor=Actor("u2"), on=False)
    before, bulks = list(raw.reactions.find().sort("_id")), []

    async def killed_at(collection: Collection, updates: list[Any]) -> None:
        for update in updates:
            await write(collection, [update])
            if collection.name == "reactions":
                bulks.append(list(raw.reactions.find().sort("_id")))

    write = apply_change.bulk_write
    monkeypatch.setattr(apply_change, "bulk_write", killed_at)
    await other._log._apply(message.room_id, entries)
    assert len(bulks) == 3, "one of each who reacted"
    assert all(left == before for left in bulks)
    again = [
        await store.messages.react(message.id, "👍", actor=Actor(user_id), on=on)
        for user_id, on in (("u1", True), ("u3", True))
    ]
    assert [change.changed for change in again] == [True, False]
    assert again[-1].message.reactions["👍"].user_ids == ("u3", "u1")


@pytest.mark.gen_test
async def test_a_room_that_is_behind_what_is_in_it_goes_on_from_there(
    store: MongoStore, fill: StoreFiller, raw: Raw, caplog: pytest.LogCaptureFixture
) -> None:
    """As a copy has it that was made of a database which was written to."""
    message = await said(fill)
    raw.messages.update_one({"roomId": message.room_id}, {"$set": {"rev": 7}})
    change = await store.messages.edit(message.id, "edited", actor=ADMIN)
    assert (change.changed, change.message.rev) == (True, 8)
    page = await store.changes.page(message.room_id, since=6, limit=9)
    assert (page.expired, page.rev) == (True, 8)
    (said_so,) = [record for record in caplog.records if record.levelname == "ERROR"]
    assert "have rev 7" in said_so.getMessage()


@pytest.mark.gen_test
async def test_what_expires_while_changes_are_read_is_said_to_be_missing(
    store: MongoStore, fill: StoreFiller, raw: Raw
) -> None:
    ann = await fill.user()
    first, second = await fill.say((await fill.room(ann)).room.id, ann, "first", "second")
    await store.messages.edit(first.id, "a", actor=ADMIN)
    await store.messages.edit(second.id, "b", actor=ADMIN)
    read = store._database.changes.aggregate

    def expired_first(*arguments: Any) -> Any:
        raw.changes.delete_one({"rev": 1})
        return read(*arguments)

    object.__setattr__(store._database.changes, "aggregate", expired_first)
    page = await store.changes.latest_between(first.room_id, since=0, upto=2, limit=9)
    assert (page.expired, [change.rev for change in page.changes]) == (True, [2])


@pytest.mark.gen_test
async def test_what_is_deleted_while_it_is_searched_for_is_not_found(
    store: MongoStore, fill: StoreFiller, open_mongo: Open
) -> None:
    ann = await fill.user()
    first, second = await fill.say((await fill.room(ann)).room.id, ann, "a word", "another word")
    other, asked, deleted = await open_mongo(), store._database.messages.aggregate, []

    class Slow:
        def __init__(self, *arguments: Any) -> None:
            self._cursor = asked(*arguments)

        async def to_list(self, length: None) -> Any:
            places = await self._cursor.to_list(length)
            deleted.append(await other.messages.delete(second.id, actor=ADMIN))
            return places

    object.__setattr__(store._database.messages, "aggregate", Slow)
    hits, _ = await store.messages.search(MessageSearch((first.room_id,), texts=("word",)), limit=9, after=None)
    assert [hit.message.id for hit in hits] == [first.id]
    assert len(deleted) == 1


@pytest.mark.gen_test
async def test_a_room_whose_log_has_expired_goes_on_from_its_last_rev(
    store: MongoStore, fill: StoreFiller, clock: HandClock, raw: Raw, open_mongo: Open
) -> None:
    message = await said(fill)
    for content in "abc":
        await store.messages.edit(message.id, content, actor=ADMIN)
    clock.ms += WEEK_MS + 1
    await store.sweep(clock.ms)
    assert [entry["rev"] for entry in raw.changes.find()] == [3], "the newest never expires"
    page = await store.changes.page(message.room_id, since=0, limit=9)
    assert (page.expired, page.rev) == (True, 3)
    raw.changes.delete_many({})  # and as if it had
    other = await open_mongo()
    assert (await other.messages.edit(message.id, "d", actor=ADMIN)).message.rev == 4


@pytest.mark.gen_test
async def test_an_entry_without_a_successor_carries_no_expiry(store: MongoStore, fill: StoreFiller, raw: Raw) -> None:
    message = await said(fill)
    await asyncio.gather(*(store.messages.edit(message.id, f"{number}", actor=ADMIN) for number in range(5)))
    expiries = [entry.get("expiresAt") for entry in raw.changes.find().sort("rev")]
    assert None not in expiries[:-1]
    assert expiries[-1] is None


@pytest.mark.gen_test
async def test_an_entry_that_was_stored_though_its_answer_was_lost_is_ours(
    store: MongoStore, fill: StoreFiller, monkeypatch: pytest.MonkeyPatch
) -> None:
    message = await said(fill)
    changes = store._database.changes
    insert, lost = changes.insert_many, []

    async def lose_the_answer(*arguments: Any, **more: Any) -> Any:
        result = await insert(*arguments, **more)
        if not lost:
            lost.append(result)
            raise AutoReconnect("connection closed")
        return result

    monkeypatch.setattr(changes, "insert_many", lose_the_answer)
    change = await store.messages.edit(message.id, "second", actor=ADMIN)
    assert (change.changed, change.message.rev, change.message.content) == (True, 1, "second")
    assert lost


@pytest.mark.gen_test
async def test_what_changes_nothing_is_answered_by_the_message_it_is_about_though_others_change_it_meanwhile(
    store: MongoStore, fill: StoreFiller, open_mongo: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    ann = await fill.user()
    first, second = await fill.say((await fill.room(ann)).room.id, ann, "first", "second")
    other, settled, views = await open_mongo(), store._log._read_applied, []

    async def others_change_it_then(room_id: str) -> Any:
        views.append(room := await settled(room_id))
        if len(views) == 1:
            await other.messages.edit(first.id, "by another process", actor=ADMIN)
        return room

    monkeypatch.setattr(store._log, "_read_applied", others_change_it_then)
    none, edited = await asyncio.gather(
        store.messages.react(first.id, "👍", actor=Actor(ann.id), on=False),
        store.messages.edit(second.id, "edited", actor=ADMIN),
    )
    assert len(views) > 1
    assert (none.changed, none.message.id, none.message.rev, none.message.content) == (
        False,
        first.id,
        1,
        "by another process",
    )
    assert (edited.changed, edited.message.rev, edited.message.content) == (True, 2, "edited")


@pytest.mark.parametrize("joins", [True, False])
@pytest.mark.gen_test
async def test_who_is_a_member_already_is_told_of_the_room_that_another_process_made_them_one_of(
    store: MongoStore, fill: StoreFiller, open_mongo: Open, monkeypatch: pytest.MonkeyPatch, joins: bool
) -> None:
    ann, bob = await fill.user(), await fill.user()
    room_id = (await fill.room(ann)).room.id
    if not joins:
        await store.members.add(room_id, bob.id)
    other, settled, views = await open_mongo(), store._log._read_applied, []

    async def another_is_first(room_id: str) -> Any:
        views.append(room := await settled(room_id))
        if len(views) == 1:
            await (other.members.add if joins else other.members.remove)(room_id, bob.id)
        return room

    monkeypatch.setattr(store._log, "_read_applied", another_is_first)
    outcome = await (store.members.add if joins else store.members.remove)(room_id, bob.id)
    assert (outcome.changed, outcome.rev, outcome.room.member_count) == ((False, 1, 2) if joins else (False, 2, 1))


@pytest.mark.gen_test
async def test_a_reaction_that_another_process_takes_back_between_two_reads_is_taken_back_once(
    store: MongoStore, fill: StoreFiller, open_mongo: Open, raw: Raw, monkeypatch: pytest.MonkeyPatch
) -> None:
    message = await said(fill)
    let_in(raw, message.room_id, "u1")
    await store.messages.react(message.id, "👍", actor=Actor("u1"), on=True)
    other, found, reactors_read, reads = await open_mongo(), change_log.find_in, asyncio.Event(), []

    async def messages_later(collection: Collection, *more: Any) -> Any:
        reads.append(collection.name)
        if reads.count("messages") == 1 and collection.name == "messages":
            await reactors_read.wait()
            await other.messages.react(message.id, "👍", actor=Actor("u1"), on=False)
        documents = await found(collection, *more)
        if collection.name == "reactions":
            reactors_read.set()
        return documents

    monkeypatch.setattr(change_log, "find_in", messages_later)
    change = await store.messages.react(message.id, "👍", actor=Actor("u1"), on=False)
    assert (change.changed, change.message.rev, change.message.reactions) == (False, 2, {})
    assert reads.count("messages") > 1


@pytest.mark.gen_test
async def test_a_change_in_a_room_that_is_not_there_is_missing_and_holds_nobody_up(store: MongoStore) -> None:
    outcomes = await asyncio.gather(
        *(store.messages.delete("none-1", actor=ADMIN) for _ in range(5)), return_exceptions=True
    )
    assert [type(outcome) for outcome in outcomes] == [Missing] * 5


@pytest.mark.gen_test
async def test_who_reads_a_room_finishes_what_somebody_died_in_the_middle_of_applying(
    store: MongoStore, fill: StoreFiller, open_mongo: Open, clock: HandClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    ann, bob = await fill.user(), await fill.user()
    room_id = (await fill.room(ann)).room.id

    async def die(*_: object, **__: object) -> None:
        raise AutoReconnect("killed before the room's own update")

    object.__setattr__(store._database.rooms, "update_one", die)
    with pytest.raises(StoreUnavailable):
        await store.members.add(room_id, bob.id)
    other = await open_mongo()
    assert await other.members.get(room_id, bob.id) is not None, "a part of it is there"
    clock.ms += 1_000
    of = await other.rooms.get_for(room_id, bob.id)
    assert of is not None and (of.room.member_count, of.room.rev) == (2, 1)
    room = await other.rooms.get(room_id)
    assert room is not None and (room.member_count, room.rev) == (2, 1)


@pytest.mark.gen_test
async def test_a_deletion_that_ended_before_it_removed_the_room_is_finished_by_the_sweep(
    store: MongoStore, fill: StoreFiller, open_mongo: Open, raw: Raw
) -> None:
    ann = await fill.user()
    room_id = (await fill.room(ann)).room.id

    async def die(*_: object, **__: object) -> None:
        raise AutoReconnect("killed before it removed the room")

    object.__setattr__(store._database.rooms, "delete_one", die)
    with pytest.raises(StoreUnavailable):
        await store.rooms.delete(room_id, Actor(ann.id))
    other = await open_mongo()
    while await other.rooms.purge():
        pass
    assert raw.rooms.count_documents({}) == 0
    assert await other.rooms.get(room_id) is None
