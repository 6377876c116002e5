"""A sweep removes what is expired, completely and slice by slice, and keeps what was renewed meanwhile or may still be
completed.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest
from bson.objectid import ObjectId
from pymongo.database import Database as RawDatabase

from store.blobs import PROVISIONAL_KEEP_S
from store.ids import make_id
from store.models import FileDraft
from store.mongo import MongoStore, expired_documents
from store.mongo.database import stored_time
from store.mongo.expired_documents import SLICE_DOCUMENTS, ExpiredDocuments
from store.mongo.store import ROOM_WITHIN_MS
from tests.contract.conftest import StoreFiller
from tests.support.clock import START_MS, HandClock
from tests.unit.store.mongo.test_pipelines import explain, used_in, winning_plan

Raw = RawDatabase[dict[str, Any]]


def made_at(time_ms: int) -> ObjectId:
    """A new ObjectId with that time."""
    return ObjectId(
        ObjectId.from_datetime(datetime.fromtimestamp(time_ms / 1000, UTC)).binary[:4] + ObjectId().binary[4:]
    )


def real_ms() -> int:
    """The wall clock in milliseconds: ObjectIds use it."""
    return time.time_ns() // 1_000_000


@pytest.mark.gen_test
async def test_a_membership_renewed_while_it_is_swept_stays(
    store: MongoStore, fill: StoreFiller, clock: HandClock, raw: Raw, monkeypatch: pytest.MonkeyPatch
) -> None:
    ann, bob = await fill.user(), await fill.user()
    room_id = (await fill.room(ann)).room.id
    for step in (store.members.add, store.members.remove):
        await step(room_id, bob.id)
    clock.ms += 10 * 24 * 3600 * 1000
    collection = type(store._database.members)
    delete_many = collection.delete_many

    async def delayed(self: Any, *arguments: Any, **more: Any) -> Any:
        if self.name == "members":  # bob joins again between the find and the delete
            raw.members.update_one({"userId": bob.id}, {"$set": {"left": False}, "$unset": {"expiresAt": ""}})
        return await delete_many(self, *arguments, **more)

    monkeypatch.setattr(collection, "delete_many", delayed)
    await store.sweep(clock.ms)
    assert raw.members.count_documents({"userId": bob.id}) == 1


@pytest.mark.gen_test
async def test_a_turn_removes_all_that_has_expired_and_not_a_slice_of_it(store: MongoStore, raw: Raw) -> None:
    count = 2 * SLICE_DOCUMENTS + 1
    raw.reactions.insert_many(
        [
            {"roomId": "r", "seq": n, "emoji": "x", "userId": "u", "expiresAt": stored_time(START_MS)}
            for n in range(count)
        ]
    )
    raw.reactions.insert_one(
        {"roomId": "r", "seq": count, "emoji": "x", "userId": "u", "expiresAt": stored_time(START_MS + 1)}
    )
    assert await ExpiredDocuments(database=store._database).sweep(START_MS) == (SLICE_DOCUMENTS, True)
    assert await store.sweep(START_MS) == count - SLICE_DOCUMENTS
    assert raw.reactions.count_documents({}) == 1


@pytest.mark.gen_test
async def test_memberships_of_a_room_that_never_came_go_after_an_hour(
    store: MongoStore, fill: StoreFiller, raw: Raw
) -> None:
    ann = await fill.user()
    room_id = (await fill.room(ann)).room.id
    raw.members.update_one({"roomId": room_id}, {"$set": {"roomOrder": 1}})
    left = {"userId": ann.id, "left": False, "usernameFolded": "x", "roomOrder": 1, "joinedRev": 1}
    now_ms = real_ms()
    # A process was killed between the members and the room.
    raw.members.insert_one({**left, "_id": made_at(now_ms - ROOM_WITHIN_MS - 2000), "roomId": "r0"})
    raw.members.insert_one({**left, "_id": made_at(now_ms - ROOM_WITHIN_MS + 60_000), "roomId": "r1"})
    assert set(await store.rooms.joined_by(ann.id)) == {room_id, "r0", "r1"}
    assert await store.sweep(now_ms) == 1
    assert set(await store.rooms.joined_by(ann.id)) == {room_id, "r1"}, "that one may be about to come"
    assert await store.sweep(now_ms + 2 * ROOM_WITHIN_MS) == 1
    assert list(await store.rooms.joined_by(ann.id)) == [room_id]


@pytest.mark.gen_test
async def test_chunks_without_a_file_go_after_a_day(store: MongoStore, fill: StoreFiller, raw: Raw) -> None:
    ann, file_id = await fill.user(), make_id("f")

    async def pieces() -> AsyncIterator[bytes]:
        yield b"kept"

    written = await store.files.write(file_id, pieces())
    await store.files.create(FileDraft(file_id, ann.id, "x", written.size, "text/plain", written.sha256))
    now_ms = real_ms()
    old_ms = now_ms - PROVISIONAL_KEEP_S * 1000
    # A process was killed between writing the chunks and their description.
    raw["uploads.chunks"].insert_many(
        [{"_id": made_at(old_ms - 2000), "files_id": "f1", "n": n, "data": b"x"} for n in range(3)]
    )
    raw["uploads.chunks"].insert_one({"_id": made_at(old_ms + 60_000), "files_id": "f2", "n": 0, "data": b"x"})
    assert await store.sweep(now_ms) == 3
    assert sorted(raw["uploads.chunks"].distinct("files_id")) == sorted([file_id, "f2"])
    assert b"".join([piece async for piece in store.files.read(file_id)]) == b"kept"


@pytest.mark.gen_test
async def test_a_walk_over_orphans_is_bounded_and_goes_on_where_it_was(
    store: MongoStore, raw: Raw, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(expired_documents, "SLICE_ENTRIES", 3)
    raw.rooms.insert_many([{"_id": f"r{number}", "order": number} for number in range(0, 10, 2)])
    raw.members.insert_many(
        [
            {"_id": made_at(START_MS), "roomId": f"r{number}", "userId": f"u{one}"}
            for number in range(10)
            for one in range(2)
        ]
    )
    walk = expired_documents.OrphanedDocuments(
        database=store._database,
        children=store._database.members,
        field="roomId",
        parents=store._database.rooms,
        keep_ms=1000,
    )
    steps = [await walk.sweep(START_MS + 2000) for _ in range(6)]
    # A slice of three entries covers one and a half rooms; the half room was visited before.
    assert steps == [(2, True)] * 5 + [(0, False)]
    assert sorted(raw.members.distinct("roomId")) == ["r0", "r2", "r4", "r6", "r8"]


def test_parents_are_walked_by_keyset() -> None:
    assert expired_documents.parents_after("roomId", "r7", limit=5) == [
        {"$match": {"roomId": {"$gt": "r7"}}},
        {"$sort": {"roomId": 1}},
        {"$limit": 5},
        {"$group": {"_id": "$roomId", "entries": {"$sum": 1}}},
    ]


@pytest.mark.real_mongod
@pytest.mark.parametrize(
    ("collection", "field", "indexes"),
    [("members", "roomId", {"room_user", "room_names"}), ("uploads.chunks", "files_id", {"files_id_1_n_1"})],
)
@pytest.mark.gen_test
async def test_the_walk_reads_an_index_and_no_document(
    store: MongoStore, raw: Raw, collection: str, field: str, indexes: set[str]
) -> None:
    pipeline = expired_documents.parents_after(field, "", limit=5)
    stages, used = used_in(winning_plan(explain(raw, collection, pipeline)))
    assert stages
    assert not stages & {"COLLSCAN", "FETCH"}
    assert used
    assert used <= indexes
