"""Appending when the answer to an insert is lost, or another process writes in the middle of a batch. The faults are in
the driver's methods.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

import pytest
from bson.errors import BSONError
from pymongo.errors import AutoReconnect, BulkWriteError, OperationFailure

from store.errors import StoreTimeout, StoreUnavailable, TooLarge
from store.models import Actor, Refusal, RoomPatch, Stored
from store.mongo import MongoStore
from store.mongo.errors import explained
from tests.contract.conftest import StoreFiller
from tests.contract.test_store_files import upload
from tests.unit.store.mongo.conftest import Open

pytestmark = pytest.mark.gen_test


class InterceptedInserts:
    """Intercepts the driver's `insert_many`: `first` replaces the first call.

    It is called with the driver's method and the documents.
    """

    def __init__(self, store: MongoStore, first: Any) -> None:
        collection = store._database.messages
        self._insert = collection.insert_many
        self._first = first
        object.__setattr__(collection, "insert_many", self)

    async def __call__(self, documents: Iterable[dict[str, Any]], **how: Any) -> Any:
        first, self._first = self._first, None
        if first is not None:
            return await first(self._insert, list(documents))
        return await self._insert(documents, **how)


async def test_an_insert_that_happened_though_its_answer_was_lost_is_no_duplicate_of_itself(
    store: MongoStore, fill: StoreFiller
) -> None:
    ada = await fill.user()
    room_id = (await fill.room(ada)).room.id

    async def lose_the_answer(insert: Any, documents: list[dict[str, Any]]) -> None:
        await insert(documents[:2], ordered=True)
        raise AutoReconnect("connection closed")

    InterceptedInserts(store, lose_the_answer)
    outcomes = await store.messages.append(room_id, [fill.draft(ada, text) for text in "ABC"])
    assert [(one.message.seq, one.message.content, one.duplicate) for one in outcomes if isinstance(one, Stored)] == [
        (1, "A", False),
        (2, "B", False),
        (3, "C", False),
    ]


async def test_what_another_process_writes_in_the_middle_has_its_own_place(
    open_mongo: Open, fill: StoreFiller, store: MongoStore
) -> None:
    ada = await fill.user()
    room_id = (await fill.room(ada)).room.id
    other = await open_mongo()

    async def be_second(insert: Any, documents: list[dict[str, Any]]) -> None:
        await insert(documents[:1], ordered=True)
        await other.messages.append(room_id, [fill.draft(ada, "other")])
        try:
            await insert(documents[1:], ordered=True)
        except BulkWriteError as error:
            error.details["writeErrors"][0]["index"] += 1
            raise

    InterceptedInserts(store, be_second)
    outcomes = await store.messages.append(room_id, [fill.draft(ada, text) for text in "ABC"])
    assert [(one.message.seq, one.duplicate) for one in outcomes if isinstance(one, Stored)] == [
        (1, False),
        (3, False),
        (4, False),
    ]
    assert [message.content for message in (await store.messages.page(room_id, limit=10)).messages] == [
        "A",
        "other",
        "B",
        "C",
    ]


async def test_those_behind_an_append_that_failed_are_told_at_once(store: MongoStore, fill: StoreFiller) -> None:
    ada = await fill.user()
    room_id = (await fill.room(ada)).room.id
    held = asyncio.Event()

    async def fail(insert: Any, documents: list[dict[str, Any]]) -> None:
        await held.wait()
        raise OperationFailure("interrupted at shutdown", 11600)

    InterceptedInserts(store, fail)
    first = asyncio.ensure_future(store.messages.append(room_id, [fill.draft(ada)]))
    while store.pending_writes < 1:
        await asyncio.sleep(0)
    behind = asyncio.ensure_future(store.messages.append(room_id, [fill.draft(ada)]))
    while store.pending_writes < 2:
        await asyncio.sleep(0)
    held.set()
    for one, reason in ((first, "failover"), (behind, "stalled")):
        with pytest.raises(StoreUnavailable, match=reason):
            await one


@pytest.mark.parametrize(
    ("code", "becomes"),
    [
        (6, StoreUnavailable("io")),
        (7, StoreUnavailable("io")),
        (9001, StoreUnavailable("io")),
        (112, StoreUnavailable("failover")),
        (133, StoreUnavailable("failover")),
        (134, StoreUnavailable("failover")),
        (89, StoreTimeout("op")),
        (202, StoreTimeout("op")),
        (262, StoreTimeout("op")),
        (11601, StoreTimeout("op")),
        (10334, TooLarge("op")),
        (17280, TooLarge("op")),
        (17419, TooLarge("op")),
    ],
)
async def test_each_code_that_a_server_may_answer_with_becomes_what_its_caller_can_act_on(
    code: int, becomes: Exception
) -> None:
    ours = explained("op", OperationFailure("whatever it says", code))
    assert (type(ours), str(ours)) == (type(becomes), str(becomes))


async def test_a_document_that_the_driver_finds_too_large_is_refused_as_such(store: MongoStore) -> None:
    with pytest.raises(TooLarge):
        async with store._database.operation("op"):
            await store._database.messages.insert_one({"content": "x" * 60_000_000})
    with pytest.raises(BSONError):  # a defect of this program is not translated
        async with store._database.operation("op"):
            await store._database.messages.insert_one({"content": object()})


@pytest.mark.parametrize("was_written", [False, True])
@pytest.mark.parametrize("act", ["ban", "mute", "archive", "delete"])
async def test_what_waits_for_another_try_is_refused_once_its_author_may_no_longer_write(
    store: MongoStore, fill: StoreFiller, act: str, was_written: bool
) -> None:
    ann, bob = await fill.user(), await fill.user()
    room_id = (await fill.room(ann)).room.id
    await store.members.add(room_id, bob.id)
    ann_acts = Actor(ann.id)
    until_ms = store._database.clock() + 60_000

    async def lose(insert: Any, documents: list[dict[str, Any]]) -> None:
        if was_written:
            await insert(documents[:1], ordered=True)
        await {
            "ban": lambda: store.bans.add(room_id, bob.id, reason=None, expires_at_ms=None, actor=ann_acts),
            "mute": lambda: store.moderation.mute(room_id, bob.id, until_ms, actor=ann_acts),
            "archive": lambda: store.rooms.update(room_id, ann_acts, RoomPatch(archived=True)),
            "delete": lambda: store.rooms.delete(room_id, ann_acts),
        }[act]()
        raise AutoReconnect("connection closed")

    file = await upload(store, bob)
    InterceptedInserts(store, lose)
    first, second = await store.messages.append(
        room_id, [fill.draft(bob, "A"), fill.draft(bob, "B", attachment_ids=(file.id,))]
    )
    refusal = {"ban": "not_member", "mute": "muted", "archive": "forbidden", "delete": "room_not_found"}[act]
    assert second is Refusal(refusal)
    assert not await store.files.may_read(file.id, ann.id)
    if was_written:
        assert isinstance(first, Stored)
        assert not first.duplicate
    else:
        assert first is Refusal(refusal)
