"""Messages of older programs get their search form, each once."""

from __future__ import annotations

from typing import Any

import pytest
from pymongo.database import Database as RawDatabase

from store.models import MessageSearch
from store.mongo import MongoStore
from store.mongo.unfolded_messages import SETTLED_MS, UnfoldedMessages
from tests.contract.conftest import StoreFiller
from tests.support.actors import ADMIN
from tests.unit.store.mongo.test_expired_documents import real_ms

Raw = RawDatabase[dict[str, Any]]


async def with_messages_of_before(fill: StoreFiller, raw: Raw, *contents: str) -> str:
    ann = await fill.user()
    room_id = (await fill.room(ann)).room.id
    await fill.say(room_id, ann, *contents)
    raw.messages.update_many({}, {"$unset": {"folded": ""}})
    return room_id


@pytest.mark.gen_test
async def test_messages_of_before_are_found_by_their_folded_words_after_a_sweep(
    store: MongoStore, fill: StoreFiller, raw: Raw
) -> None:
    room_id = await with_messages_of_before(fill, raw, "plain", "Straße", "東京の天気", "Ö")
    await store.messages.delete(f"{room_id}-4", actor=ADMIN)

    async def found(text: str) -> list[int]:
        hits, _ = await store.messages.search(MessageSearch((room_id,), texts=(text,)), limit=9, after=None)
        return [hit.message.seq for hit in hits]

    await store.sweep(real_ms())
    assert raw.messages.count_documents({"folded": {"$exists": True}}) == 0, "they may have younger ones before them"
    await store.sweep(real_ms() + SETTLED_MS + 2000)
    assert [await found(text) for text in ("plain", "strasse", "天気")] == [[1], [2], [3]]
    assert raw.messages.count_documents({"folded": {"$exists": True}}) == 2


@pytest.mark.gen_test
async def test_a_sweep_takes_slices_and_looks_at_each_message_once(
    store: MongoStore, fill: StoreFiller, raw: Raw
) -> None:
    await with_messages_of_before(fill, raw, *(f"Übung {number}" for number in range(5)))
    sweep, now_ms = UnfoldedMessages(database=store._database, slice_documents=2), real_ms() + SETTLED_MS + 2000
    assert [(await sweep.sweep(now_ms))[1] for _ in range(4)] == [True, True, False, False]
    assert raw.messages.count_documents({"folded": {"$exists": True}}) == 5
    raw.messages.update_one({"seq": 1}, {"$unset": {"folded": ""}})
    await sweep.sweep(now_ms)
    assert raw.messages.count_documents({"folded": {"$exists": True}}) == 4
