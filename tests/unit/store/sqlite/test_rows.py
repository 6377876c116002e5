"""Rows that the contract has no method to set up: mutes, files, changed messages, the search index, expired rows."""

from __future__ import annotations

from typing import Any

import apsw
import msgspec
import pytest

from store.ids import make_id, message_id, place_of
from store.models import Change, Message, Refusal, Session, Stored
from store.sqlite import blocks, changes, draft_validation, expired_rows, members, message_append, rooms, users
from store.sqlite.changes import head_rev, record
from store.sqlite.expired_rows import CHANGE_KEEP_MS, Sweeper
from store.sqlite.rows import fetch, message_from
from tests.support.clock import START_MS, HandClock
from tests.unit.store.conftest import StoreWithRoom


async def execute(room_store: StoreWithRoom, statement: str, *bindings: Any) -> list[tuple[Any, ...]]:
    return await room_store.store._database.write("test", lambda connection: fetch(connection, statement, bindings))


async def edit(room_store: StoreWithRoom, message: Message, content: str) -> Message:
    """Change a message the way an edit does: the row and the log in one transaction."""

    def operation(connection: apsw.Connection) -> Message:
        rev = head_rev(connection, room_store.room_id) + 1
        connection.execute(
            "UPDATE messages SET content = ?, rev = ? WHERE room_id = ? AND seq = ?",
            (content, rev, room_store.room_id, message.seq),
        )
        changed = msgspec.structs.replace(message, content=content, rev=rev)
        record(connection, room_store.room_id, rev=rev, now_ms=room_store.store._database.clock(), message=changed)
        return changed

    return await room_store.store._database.write("test", operation)


@pytest.mark.gen_test
async def test_who_is_muted_writes_nothing_until_it_is_over_but_learns_of_earlier_sends(
    room_store: StoreWithRoom, clock: HandClock
) -> None:
    draft = room_store.draft("before")
    (first,) = await room_store.store.messages.append(room_store.room_id, [draft])
    await execute(room_store, "UPDATE members SET muted_until = ?", START_MS + 1000)
    outcomes = await room_store.store.messages.append(room_store.room_id, [draft, room_store.draft("while")])
    assert isinstance(first, Stored)
    assert outcomes == [Stored(first.message, duplicate=True), Refusal.MUTED]
    membership = await room_store.store.members.get(room_store.room_id, room_store.ann.id)
    assert membership is not None
    assert membership.muted_until == "2027-01-15T08:00:01.000Z"
    clock.ms += 1000
    assert (await room_store.say("after")).message.seq == 2


@pytest.mark.gen_test
async def test_attachments_are_the_authors_own_files_in_the_order_given(room_store: StoreWithRoom) -> None:
    bob = await room_store.store.users.create(username="bob", email="bob@example.org", password_hash="hash")
    for file_id, owner in (("f1", room_store.ann), ("f2", room_store.ann), ("f3", bob)):
        await execute(
            room_store,
            "INSERT INTO files VALUES (?, ?, 'päge.png', 9, 'image/png', 'abc', 3, 4, ?, 0, 0, 0)",
            file_id, owner.id, int(file_id == "f1"),
        )  # fmt: skip
    good, foreign = await room_store.store.messages.append(
        room_store.room_id,
        [room_store.draft(attachment_ids=("f2", "f1", "f2")), room_store.draft(attachment_ids=("f1", "f3"))],
    )
    assert isinstance(good, Stored)
    second, first = good.message.attachments
    assert (second.id, second.url, second.thumbnail_url, second.width) == ("f2", "/files/f2", None, 3)
    assert (first.id, first.name, first.thumbnail_url) == ("f1", "päge.png", "/files/f1/thumbnail")
    assert await room_store.store.messages.get(good.message.id) == good.message
    assert foreign == Refusal.FILE_NOT_FOUND
    assert await execute(room_store, "SELECT * FROM file_posts") == [
        ("f1", room_store.room_id, 1),
        ("f2", room_store.room_id, 1),
    ]


@pytest.mark.gen_test
async def test_the_log_keeps_each_change_and_tells_what_each_message_is_now(room_store: StoreWithRoom) -> None:
    first, second, third = [(await room_store.say(content)).message for content in "abc"]
    a1 = await edit(room_store, first, "a1")
    b1 = await edit(room_store, second, "b1")
    bob = await room_store.store.users.create(username="bob", email="bob@example.org", password_hash="hash")
    await room_store.store.members.add(room_store.room_id, bob.id)
    a2 = await edit(room_store, first, "a2")
    page = await room_store.store.changes.page(room_store.room_id, since=0, limit=10)
    assert page.changes == (Change(1, a1), Change(2, b1), Change(3, None), Change(4, a2))
    latest = await room_store.store.changes.latest_between(room_store.room_id, since=0, upto=4, limit=10)
    assert latest.changes == (Change(2, b1), Change(4, a2))
    assert (latest.has_more, latest.expired, latest.rev) == (False, False, 4)
    until_two = await room_store.store.changes.latest_between(room_store.room_id, since=0, upto=2, limit=10)
    assert until_two.changes == (Change(1, a2), Change(2, b1))  # as they are now
    cut = await room_store.store.changes.latest_between(room_store.room_id, since=0, upto=4, limit=1)
    assert (cut.changes, cut.has_more) == ((Change(2, b1),), True)
    assert await room_store.store.messages.get(third.id) == third


@pytest.mark.gen_test
async def test_old_entries_expire_but_never_the_newest_and_rev_goes_on(
    room_store: StoreWithRoom, clock: HandClock
) -> None:
    message = (await room_store.say("a")).message
    for content in ("b", "c", "d"):
        await edit(room_store, message, content)
    clock.ms += CHANGE_KEEP_MS
    assert await room_store.store.sweep(clock.ms) == 0
    clock.ms += 1
    assert await room_store.store.sweep(clock.ms) == 2
    page = await room_store.store.changes.page(room_store.room_id, since=0, limit=10)
    assert ([change.rev for change in page.changes], page.rev, page.expired) == ([3], 3, True)
    latest = await room_store.store.changes.latest_between(room_store.room_id, since=1, upto=3, limit=10)
    assert ([change.rev for change in latest.changes], latest.expired) == ([3], True)
    for since in (2, 3):
        assert not (await room_store.store.changes.page(room_store.room_id, since=since, limit=10)).expired
        assert not (
            await room_store.store.changes.latest_between(room_store.room_id, since=since, upto=3, limit=10)
        ).expired
    assert (await edit(room_store, message, "e")).rev == 4


@pytest.mark.gen_test
async def test_a_sweep_takes_slices_and_gets_past_entries_that_must_stay(
    room_store: StoreWithRoom, clock: HandClock
) -> None:
    for number in range(7):  # heads of other rooms, older than everything else
        await execute(
            room_store, "INSERT INTO changes (room_id, rev, created_at) VALUES (?, 1, ?)", f"r{number}", START_MS - 1
        )
    message = (await room_store.say("a")).message
    for content in "bcdef":
        await edit(room_store, message, content)
    sweeper = Sweeper(database=room_store.store._database, slice_rows=3)
    now_ms = START_MS + CHANGE_KEEP_MS + 1
    assert [await sweeper.sweep(now_ms) for _ in range(5)] == [(0, True), (0, True), (2, True), (2, True), (0, False)]
    assert len(await execute(room_store, "SELECT * FROM changes")) == 8


@pytest.mark.gen_test
async def test_a_turn_of_the_sweep_goes_on_until_nothing_old_is_left(room_store: StoreWithRoom) -> None:
    numbers = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1200)"
    old = f"{numbers} SELECT 's' || i, ?, 1, 0, ? FROM n"
    await execute(
        room_store,
        f"INSERT INTO sessions (id, user_id, generation, rotated_at, expires_at) {old}",
        room_store.ann.id,
        START_MS,
    )
    # More entries that must stay than a slice holds, before those that may go.
    await execute(
        room_store,
        f"INSERT INTO changes (room_id, rev, created_at) {numbers} SELECT 'r' || i, 1, ? FROM n",
        START_MS - 1,
    )
    message = (await room_store.say("a")).message
    for content in "bc":
        await edit(room_store, message, content)
    assert await room_store.store.sweep(START_MS + CHANGE_KEEP_MS + 1) == 1200 + 1
    assert await execute(room_store, "SELECT count(*) FROM sessions") == [(0,)]


@pytest.mark.gen_test
async def test_expired_sessions_vanish(room_store: StoreWithRoom) -> None:
    for name, expires_at_ms in (("old", START_MS), ("live", START_MS + 1)):
        await room_store.store.sessions.create(Session(name, room_store.ann.id, 1, START_MS, expires_at_ms))
    assert await room_store.store.sweep(START_MS) == 1
    assert await room_store.store.sessions.get("old") is None
    assert await room_store.store.sessions.get("live") is not None


STATEMENTS = {
    f"{module.__name__}.{name}": value
    for module in (blocks, changes, draft_validation, expired_rows, members, message_append, rooms, users)
    for name, value in vars(module).items()
    if isinstance(value, str) and value.lstrip().startswith("SELECT") and not value.endswith("WHERE ")
}


@pytest.mark.parametrize("statement", STATEMENTS.values(), ids=STATEMENTS)
@pytest.mark.gen_test
async def test_no_statement_walks_through_a_table_that_grows(room_store: StoreWithRoom, statement: str) -> None:
    numbered = [number for number in range(1, 10) if f"?{number}" in statement]
    bindings = [None] * (max(numbered) if numbered else statement.count("?"))
    plan = [row[3] for row in await execute(room_store, f"EXPLAIN QUERY PLAN {statement}", *bindings)]
    walked = {line.split()[1] for line in plan if line.startswith("SCAN")}
    # r: the list of all public rooms goes down their order until it has its page; u: everybody, by name, likewise.
    assert walked <= {"wanted", "newest", "r", "u", "CONSTANT"}, plan


def test_ids_are_sixteen_letters_and_digits_that_do_not_repeat() -> None:
    ids = {make_id("r") for _ in range(1000)}
    assert len(ids) == 1000
    assert all(len(one) == 16 and one.isalnum() and one.islower() and one[0] == "r" for one in ids)


@pytest.mark.parametrize("text", ["r1-0", "r1-01", "r1--1", "r1-1x", "r1-²", "r1-", "-5", "5", "r1-" + "9" * 16])
def test_a_message_id_has_one_spelling(text: str) -> None:
    assert place_of(message_id("r1", 17)) == ("r1", 17)
    assert place_of(text) is None


def test_a_row_without_extras_reads_as_an_empty_message() -> None:
    row = (1, 0, "u1", "ann", "text", None, "c", None, None, None, START_MS, None, START_MS, 0)
    message = message_from("r1", row)
    assert (message.content, message.attachments, message.mentions, message.reactions) == (None, (), (), {})
    assert message.deleted_at == "2027-01-15T08:00:00.000Z"
