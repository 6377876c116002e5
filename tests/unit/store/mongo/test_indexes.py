from __future__ import annotations

import logging
from typing import Any

import pymongo
import pytest
from bson.int64 import Int64
from motor.motor_asyncio import AsyncIOMotorCollection
from pymongo import IndexModel
from pymongo.database import Database as RawDatabase
from pymongo.errors import OperationFailure

from common.startup_error import StartupError
from store.mongo import MongoStore
from store.mongo.indexes import INDEXES, Index, is_same
from tests.unit.store.mongo.conftest import Open

Raw = RawDatabase[dict[str, Any]]


def test_what_must_be_unique_and_what_must_expire_has_its_index() -> None:
    unique = {
        (index.collection, *(field for field, _ in index.keys)) for index in INDEXES if index.options.get("unique")
    }
    assert {
        ("messages", "roomId", "seq"),
        ("messages", "roomId", "userId", "clientId"),
        ("changes", "roomId", "rev"),
        ("users", "usernameFolded"),
        ("users", "emailFolded"),
        ("members", "roomId", "userId"),
        ("reactions", "roomId", "seq", "emoji", "userId"),
        ("rooms", "directKey"),
    } <= unique
    expiring = {index.collection for index in INDEXES if "expireAfterSeconds" in index.options}
    of_rooms = {"members", "changes", "message_edits", "reactions", "audit", "bans", "reports", "invites"}
    assert expiring == {"sessions", *of_rooms}
    assert len({(index.collection, index.name) for index in INDEXES}) == len(INDEXES)


def logged_indexes(caplog: pytest.LogCaptureFixture) -> list[tuple[str, str]]:
    """The indexes that the log reports as created."""
    records = [record for record in caplog.records if record.name == "store.mongo.indexes"]
    return [(record.fields["collection"], record.fields["index"]) for record in records]  # type: ignore[attr-defined]


@pytest.mark.gen_test
async def test_the_first_start_makes_them_all_and_says_so_and_the_second_none(
    open_mongo: Open, raw: Raw, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "store.mongo.indexes"):
        await open_mongo()
        made = logged_indexes(caplog)
        caplog.clear()
        await open_mongo()
        assert logged_indexes(caplog) == []
    assert made == [(index.collection, index.name) for index in INDEXES]
    for index in INDEXES:
        assert index.name in raw[index.collection].index_information()


@pytest.mark.parametrize(
    ("index", "keys", "kind"),
    [
        (("messages", "room_seq"), [("roomId", 1), ("seq", -1)], {"unique": True}),
        (("messages", "room_seq"), [("roomId", 1), ("seq", 1)], {}),
        (("sessions", "expires"), [("expiresAt", 1)], {"expireAfterSeconds": 60}),
        (("sessions", "expires"), [("expiresAt", 1)], {}),
        (("rooms", "direct"), [("directKey", 1)], {"unique": True}),
        (("members", "user_rooms"), [("userId", 1)], {}),
        (("users", "username"), [("username", 1)], {"unique": True}),
        (("messages", "room_seq"), [("roomId", "hashed")], {}),
        (
            ("messages", "room_author_client"),
            [("roomId", 1), ("userId", 1), ("clientId", 1)],
            {"unique": True, "partialFilterExpression": {"seq": {"$gt": 5}}},
        ),
        (("messages", "mentions"), [("mentions", 1), ("roomId", 1), ("seq", 1)], {}),
        (("messages", "room_created"), [("roomId", 1), ("createdAt", 1)], {"expireAfterSeconds": 5}),
        (("messages", "content_text"), [("title", "text")], {"default_language": "none"}),
        (("messages", "content_text"), [("content", "text")], {"default_language": "german"}),
        (("messages", "content_text"), [("content", 1)], {}),
        (("users", "email"), [("emailFolded", 1)], {"unique": True, "collation": {"locale": "en", "strength": 1}}),
    ],
)
@pytest.mark.gen_test
async def test_one_that_differs_stops_the_start_by_name(
    open_mongo: Open, raw: Raw, index: tuple[str, str], keys: list[tuple[str, int]], kind: dict[str, Any]
) -> None:
    collection, name = index
    raw[collection].create_index(keys, name=name, **kind)
    with pytest.raises(StartupError) as refused:
        await open_mongo()
    assert f"{collection}.{name}" in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.gen_test
async def test_a_text_index_of_a_program_of_before_is_replaced(open_mongo: Open, raw: Raw) -> None:
    raw.messages.create_index([("content", "text")], name="content_text", default_language="none")
    store = await open_mongo()
    assert (await store.inspect()).wrong_indexes == ()
    (index,) = [index for index in INDEXES if index.name == "content_text"]
    assert is_same(index, raw.messages.index_information()["content_text"])


@pytest.mark.gen_test
async def test_values_that_are_there_twice_stop_the_start_by_the_indexs_name(open_mongo: Open, raw: Raw) -> None:
    raw.messages.insert_many([{"roomId": "r", "seq": 1, "userId": "u", "clientId": str(number)} for number in range(2)])
    with pytest.raises(StartupError) as refused:
        await open_mongo()
    assert "messages.room_seq" in str(refused.value)


@pytest.mark.gen_test
async def test_one_that_is_dropped_shows_in_the_inspection(store: MongoStore, raw: Raw) -> None:
    assert (await store.inspect()).wrong_indexes == ()
    raw.messages.drop_index("room_created")
    raw.sessions.drop_index("by_user")
    raw.sessions.create_index([("userId", -1)], name="by_user")
    assert (await store.inspect()).wrong_indexes == ("messages.room_created", "sessions.by_user")


@pytest.mark.parametrize("has_text", [True, False])
@pytest.mark.gen_test
async def test_the_text_index_is_missed_where_the_server_can_use_it_and_looked_at_everywhere(
    open_mongo: Open, raw: Raw, monkeypatch: pytest.MonkeyPatch, has_text: bool
) -> None:
    async def probed(_database: object) -> bool:
        return has_text

    monkeypatch.setattr("store.mongo.store.has_text_search", probed)
    store = await open_mongo()
    assert (await store.inspect()).wrong_indexes == ()
    raw.messages.drop_index("content_text")
    assert (await store.inspect()).wrong_indexes == (("messages.content_text",) if has_text else ())
    raw.messages.create_index([("title", "text")], name="content_text")
    assert (await store.inspect()).wrong_indexes == ("messages.content_text",)


@pytest.mark.parametrize("has_text", [True, False])
@pytest.mark.gen_test
async def test_a_text_index_that_cannot_be_made_stops_the_start_only_of_a_server_that_can_use_it(
    open_mongo: Open, monkeypatch: pytest.MonkeyPatch, has_text: bool
) -> None:
    async def probed(_database: object) -> bool:
        return has_text

    create_indexes = AsyncIOMotorCollection.create_indexes

    async def refusing(self: Any, models: list[IndexModel], **more: Any) -> Any:
        if models[0].document["name"] == "content_text":
            raise OperationFailure("only one text index per collection allowed", 67)
        return await create_indexes(self, models, **more)

    monkeypatch.setattr("store.mongo.store.has_text_search", probed)
    monkeypatch.setattr(AsyncIOMotorCollection, "create_indexes", refusing)
    if not has_text:
        assert (await (await open_mongo()).inspect()).wrong_indexes == ()
        return
    with pytest.raises(StartupError, match=r"index messages\.content_text cannot be made: only one text index"):
        await open_mongo()


@pytest.mark.parametrize(
    ("present", "same"),
    [
        (
            {
                "weights": {"content": 1, "folded": 1},
                "default_language": "none",
                "language_override": "language",
                "textIndexVersion": 3,
            },
            True,
        ),
        ({"weights": {"content": 1, "folded": 5}, "default_language": "none"}, False),
        ({"weights": {"content": 1, "username": 1}, "default_language": "none"}, False),
        ({"weights": {"content": 1, "folded": 1}, "default_language": "english"}, False),
    ],
)
def test_a_text_index_is_known_as_mongodb_lists_it(present: dict[str, Any], same: bool) -> None:
    (index,) = [index for index in INDEXES if index.name == "content_text"]
    assert is_same(index, {"key": [("_fts", "text"), ("_ftsx", 1)], "v": 2, **present}) is same


def test_numbers_of_any_kind_are_the_same_direction() -> None:
    index = Index("c", "n", (("a", pymongo.ASCENDING), ("b", pymongo.DESCENDING)), {"unique": True})
    assert is_same(index, {"key": [("a", 1.0), ("b", Int64(-1))], "unique": True, "sparse": False})
    assert not is_same(index, {"key": [("a", 1), ("b", -1)], "unique": True, "hidden": True})


def test_an_index_is_made_as_the_table_says() -> None:
    index = Index("c", "n", (("a", pymongo.ASCENDING), ("b", pymongo.DESCENDING)), {"unique": True})
    assert index.model().document == {"name": "n", "key": {"a": 1, "b": -1}, "unique": True}
