"""How many queries the check of a batch of drafts takes."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from pymongo.database import Database as RawDatabase

from store.models import Actor, RoomPatch, Stored, TooSoon
from store.mongo import MongoStore
from tests.contract.conftest import StoreFiller

Raw = RawDatabase[dict[str, Any]]


def count_calls(store: MongoStore) -> Counter[str]:
    """Counts the calls of the driver from now on, by collection and method."""
    calls: Counter[str] = Counter()
    database = store._database
    for collection in (database.members, database.messages, database.files):
        for name in ("find", "find_one", "update_one", "update_many"):
            method = getattr(collection, name)

            def record(*args: Any, method: Any = method, what: str = f"{collection.name}.{name}", **more: Any) -> Any:
                calls[what] += 1
                return method(*args, **more)

            object.__setattr__(collection, name, record)
    return calls


@pytest.mark.gen_test
async def test_in_slow_mode_an_author_claims_once_and_is_refused_without_a_query(
    store: MongoStore, fill: StoreFiller
) -> None:
    ann, bob = await fill.user(), await fill.user()
    room_id = (await fill.room(ann)).room.id
    await store.members.add(room_id, bob.id)
    await store.rooms.update(room_id, Actor(ann.id), RoomPatch(slow_mode_s=30))
    calls = count_calls(store)
    outcomes = await store.messages.append(room_id, [fill.draft(bob) for _ in range(20)])
    assert isinstance(outcomes[0], Stored)
    assert outcomes[1:] == [TooSoon(30)] * 19
    assert (calls["members.update_one"], calls["members.find_one"]) == (1, 0)
    calls.clear()
    assert await store.messages.append(room_id, [fill.draft(bob)]) == [TooSoon(30)]
    assert (calls["members.update_one"], calls["members.find_one"]) == (0, 0)


@pytest.mark.gen_test
async def test_of_an_author_whom_another_process_let_pass_meanwhile_the_wait_is_read_once(
    store: MongoStore, fill: StoreFiller, raw: Raw
) -> None:
    ann, bob = await fill.user(), await fill.user()
    room_id = (await fill.room(ann)).room.id
    await store.members.add(room_id, bob.id)
    await store.rooms.update(room_id, Actor(ann.id), RoomPatch(slow_mode_s=30))
    members = store._database.members
    update_one = members.update_one

    async def be_second(*args: Any, **more: Any) -> Any:
        raw.members.update_one({"userId": bob.id}, {"$set": {"sentAt": more_recent, "sentAs": "other"}})
        return await update_one(*args, **more)

    (owner,) = raw.members.find({"userId": ann.id})
    more_recent = owner["joinedAt"]
    object.__setattr__(members, "update_one", be_second)
    calls = count_calls(store)
    assert await store.messages.append(room_id, [fill.draft(bob) for _ in range(5)]) == [TooSoon(30)] * 5
    assert (calls["members.update_one"], calls["members.find_one"]) == (1, 1)


@pytest.mark.gen_test
async def test_the_threads_of_a_batch_are_read_at_once(store: MongoStore, fill: StoreFiller) -> None:
    ann = await fill.user()
    room_id = (await fill.room(ann)).room.id
    roots = await fill.say(room_id, ann, *"ABCDE")
    calls = count_calls(store)
    drafts = [fill.draft(ann, thread_id=root.id) for root in roots for _ in range(4)]
    outcomes = await store.messages.append(room_id, drafts)
    assert [one.message.thread_id for one in outcomes if isinstance(one, Stored)] == [
        root.id for root in roots for _ in range(4)
    ]
    assert (calls["messages.find"], calls["messages.find_one"]) == (1, 0)
