"""How each error of the driver is translated."""

from __future__ import annotations

from typing import Any

import pytest
from pymongo import errors

from store.errors import StoreTimeout, StoreUnavailable, TooLarge
from store.models import Message, MessageDraft, Stored
from store.mongo import MongoStore
from store.mongo.errors import Duplicate, duplicate_of, explained
from tests.contract.conftest import StoreFiller


@pytest.mark.parametrize(
    ("error", "becomes"),
    [
        (errors.ServerSelectionTimeoutError("no servers"), StoreUnavailable("gone")),
        (errors.WaitQueueTimeoutError("waited"), StoreUnavailable("busy")),
        (errors.NetworkTimeout("timed out"), StoreTimeout("op")),
        (errors.ExecutionTimeout("operation exceeded time limit", 50), StoreTimeout("op")),
        (errors.WTimeoutError("waiting for replication timed out", 64), StoreTimeout("op")),
        (errors.NotPrimaryError("not primary"), StoreUnavailable("failover")),
        (errors.AutoReconnect("connection closed"), StoreUnavailable("io")),
        (errors.DocumentTooLarge("too large"), TooLarge("op")),
        (errors.OperationFailure("not primary", 10107), StoreUnavailable("failover")),
        (errors.OperationFailure("interrupted at shutdown", 11600), StoreUnavailable("failover")),
        (errors.OperationFailure("not authorized", 13), StoreUnavailable("refused")),
        (errors.OperationFailure("out of disk space", 14031), StoreUnavailable("full")),
        (errors.OperationFailure("Unknown error: null"), StoreUnavailable("io")),
        (errors.InvalidOperation("Cannot use MongoClient after close"), StoreUnavailable("closed")),
        (
            errors.BulkWriteError({"writeErrors": [], "writeConcernErrors": [{"code": 91, "errmsg": "shutdown"}]}),
            StoreUnavailable("failover"),
        ),
    ],
)
def test_a_failure_becomes_what_its_caller_can_act_on(error: errors.PyMongoError, becomes: Exception) -> None:
    ours = explained("op", error)
    assert (type(ours), ours.args) == (type(becomes), becomes.args)


def test_a_wrong_command_of_ours_is_not_explained_away() -> None:
    error = errors.OperationFailure("unknown operator: $nonsense", 2)
    assert explained("op", error) is error


def bulk(*write_errors: dict[str, Any], concern: int | None = None) -> errors.BulkWriteError:
    concerns = [] if concern is None else [{"code": concern, "errmsg": "late"}]
    return errors.BulkWriteError({"writeErrors": list(write_errors), "writeConcernErrors": concerns})


def test_a_duplicate_is_told_with_its_place_and_index() -> None:
    message = (
        'E11000 duplicate key error collection: chat-rooms.messages index: room_seq dup key: { roomId: "r", seq: 1 }'
    )
    assert duplicate_of(bulk({"index": 3, "code": 11000, "errmsg": message})) == Duplicate(3, "room_seq")
    assert duplicate_of(bulk({"index": 3, "code": 11000})) == Duplicate(3, "")
    assert duplicate_of(bulk({"index": 3, "code": 11000, "errmsg": message}, concern=64)) is None, (
        "the prefix is in doubt"
    )
    assert duplicate_of(bulk({"index": 3, "code": 121, "errmsg": "validation"})) is None
    assert duplicate_of(errors.AutoReconnect("x")) is None


# ---- in mid-write ------------------------------------------------------------------------------------------------


async def room_of(fill: StoreFiller) -> tuple[str, MessageDraft]:
    ann = await fill.user()
    room_id = (await fill.room(ann)).room.id
    return room_id, fill.draft(ann)


def break_after(store: MongoStore, monkeypatch: pytest.MonkeyPatch, error: Exception, *, stored: int | None) -> None:
    """Make the next insert store its first `stored` documents (None: all) and then raise an error."""
    messages = store._database.messages
    insert, broken = messages.insert_many, []

    async def insert_and_break(documents: Any, **more: Any) -> Any:
        if broken:
            return await insert(documents, **more)
        broken.append(True)
        first = list(documents)[:stored]
        if first:
            await insert(first, **more)
        raise error

    monkeypatch.setattr(messages, "insert_many", insert_and_break)


@pytest.mark.parametrize("stored", [0, 1, 2, None])
@pytest.mark.parametrize("error", [errors.AutoReconnect("connection closed"), errors.NetworkTimeout("timed out")])
@pytest.mark.gen_test
async def test_a_connection_that_breaks_in_mid_write_is_settled_by_the_client_ids(
    store: MongoStore, fill: StoreFiller, monkeypatch: pytest.MonkeyPatch, error: Exception, stored: int | None
) -> None:
    ann = await fill.user()
    room_id = (await fill.room(ann)).room.id
    drafts = [fill.draft(ann, str(number)) for number in range(3)]
    break_after(store, monkeypatch, error, stored=stored)
    outcomes = await store.messages.append(room_id, drafts)
    assert [(outcome.duplicate, outcome.message.content) for outcome in outcomes if isinstance(outcome, Stored)] == [
        (False, "0"),
        (False, "1"),
        (False, "2"),
    ]
    page = await store.messages.page(room_id, limit=9)
    assert [(message.seq, message.content) for message in page.messages] == [(1, "0"), (2, "1"), (3, "2")]


@pytest.mark.gen_test
async def test_a_late_arrival_of_a_broken_write_stores_nothing_twice(
    store: MongoStore, fill: StoreFiller, monkeypatch: pytest.MonkeyPatch
) -> None:
    room_id, draft = await room_of(fill)
    messages = store._database.messages
    insert, late = messages.insert_many, []

    async def arrive_late(documents: Any, **more: Any) -> Any:
        if not late:
            late.append(list(documents))
            raise errors.NetworkTimeout("timed out")
        return await insert(documents, **more)

    monkeypatch.setattr(messages, "insert_many", arrive_late)
    (outcome,) = await store.messages.append(room_id, [draft])
    assert isinstance(outcome, Stored)
    with pytest.raises(errors.BulkWriteError):
        await insert(late[0])
    found: list[Message] = await store.messages.newest_between(room_id, after=0, upto=9, limit=9)
    assert found == [outcome.message]


@pytest.mark.real_mongod  # the stand-in closes the connection
@pytest.mark.gen_test
async def test_a_document_that_is_too_large_is_refused_as_that(store: MongoStore, fill: StoreFiller) -> None:
    ann = await fill.user()
    room_id = (await fill.room(ann)).room.id
    with pytest.raises(TooLarge):
        await store.messages.append(room_id, [fill.draft(ann, "x" * 17_000_000)])
    assert [message.seq for message in await fill.say(room_id, ann, "goes on")] == [1]


@pytest.mark.gen_test
async def test_two_rooms_that_want_one_place_in_the_lists_get_two(
    store: MongoStore, fill: StoreFiller, monkeypatch: pytest.MonkeyPatch
) -> None:
    ann = await fill.user()
    first = (await fill.room(ann)).room.id
    taken = store._database.rooms
    order = (await taken.find_one({"_id": first}))["order"]  # type: ignore[index]
    orders = iter([order, order, order + 1])
    monkeypatch.setattr(store.rooms, "_next_order", lambda: next(orders))
    second = (await fill.room(ann)).room.id
    found, _ = await store.rooms.list_for(ann.id, mine=True, query=None, limit=9, after=None)
    assert [one.room.id for one in found] == [second, first]
    assert sorted(await store.rooms.joined_by(ann.id)) == sorted([first, second]), "nothing is left of the attempts"
