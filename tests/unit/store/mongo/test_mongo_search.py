"""Text search by the server's $text, which the stand-in of the contract tests does not have."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest
from tornado.ioloop import IOLoop

from monitor.observer import Observer
from store.models import MessageDraft, MessageSearch
from store.mongo import MongoOptions
from store.mongo.client import connect
from store.mongo.database import Database, stored_time
from store.mongo.documents import message_document
from store.mongo.indexes import INDEXES
from store.mongo.search import TextSearch, has_text_search
from tests.support.clock import START_MS, HandClock
from tests.support.mongo import drop_database

ROOM = "r1"


def open_database(uri: str, name: str) -> Database:
    options = MongoOptions(uri=uri, db_name=name)
    return Database(
        client=connect(options),
        name=name,
        write_concern=1,
        timeout_s=5.0,
        observer=Observer(),
        now_ms=HandClock(),
    )


@pytest.fixture
def database(text_uri: str, tmp_path: object, io_loop: IOLoop) -> Iterator[Database]:
    name = f"search-{id(tmp_path)}"

    async def make() -> Database:
        database = open_database(text_uri, name)
        (index,) = [index for index in INDEXES if index.name == "content_text"]
        await database.messages.create_indexes([index.model()])
        return database

    database = io_loop.run_sync(make)
    yield database
    io_loop.run_sync(database.close)
    drop_database(text_uri, name)


async def say(database: Database, *contents: str, room_id: str = ROOM, first: int = 1) -> TextSearch:
    """Store messages as an append does, one second apart. Returns the search."""
    await database.messages.insert_many(
        [
            message_document(
                room_id,
                seq,
                MessageDraft("u1", "ann", content, f"c{seq}"),
                created_at=stored_time(START_MS + seq * 1000),
                reply_to=None,
                thread=None,
                attachments=(),
                mentions=(),
            )
            for seq, content in enumerate(contents, first)
        ]
    )
    return TextSearch(database=database, has_text=True)


async def found(search: TextSearch, **wanted: tuple[str, ...]) -> list[int]:
    hits, _ = await search.find(MessageSearch(room_ids=(ROOM,), **wanted), limit=50, after=None)  # type: ignore[arg-type]
    return [hit.message.seq for hit in hits]


@pytest.mark.gen_test
async def test_the_server_is_found_to_have_text_search(database: Database) -> None:
    assert await has_text_search(database)


@pytest.mark.gen_test
async def test_a_server_without_it_is_named_in_one_warning(mongo_uri: str, caplog: pytest.LogCaptureFixture) -> None:
    database = open_database(mongo_uri, "search-none")
    with caplog.at_level(logging.WARNING, "store.mongo"):
        has_text = await has_text_search(database)
    await database.close()
    assert [record.levelname for record in caplog.records] == ([] if has_text else ["WARNING"])
    drop_database(mongo_uri, "search-none")


@pytest.mark.gen_test
async def test_all_words_and_phrases_are_wanted(database: Database) -> None:
    search = await say(database, "Green TEA, please", "tea for two", "green light", "a pot of tea that is green")
    assert set(await found(search, texts=("tea", "green"))) == {1, 4}
    assert await found(search, texts=("green tea",)) == [1]
    assert await found(search, texts=("tea", "nothing")) == []


@pytest.mark.gen_test
async def test_the_best_match_comes_first(database: Database) -> None:
    search = await say(
        database, *("word " * (1 + number % 3) + "and other things to say" * (3 - number % 3) for number in range(9))
    )
    hits, following = await search.find(MessageSearch(room_ids=(ROOM,), texts=("word",)), limit=9, after=None)
    assert following is None
    assert [hit.message.seq for hit in hits] == [9, 6, 3, 8, 5, 2, 7, 4, 1]
    assert hits[0].score > hits[-1].score > 0


@pytest.mark.gen_test
async def test_what_is_not_ascii_is_found_by_its_folded_words(database: Database) -> None:
    search = await say(database, "Große STRASSE", "東京の天気", "evergreen", "\U0001f600 haha")
    assert await found(search, texts=("straße",)) == [1]
    assert await found(search, texts=("grosse",)) == [1]
    assert await found(search, texts=("天気",)) == [2]
    assert await found(search, texts=("green",)) == []
    assert await found(search, texts=("\U0001f600",)) == [4]


@pytest.mark.real_mongod  # nx-27017 ignores all conditions but $text
@pytest.mark.gen_test
async def test_other_rooms_are_not_searched(database: Database) -> None:
    await say(database, "tea", room_id="other", first=7)
    search = await say(database, "tea")
    assert await found(search, texts=("tea",)) == [1]


@pytest.mark.parametrize("word", ['"', '" "', '"tea', 'tea" -"green', "-tea", "\\", "$where"])
@pytest.mark.gen_test
async def test_no_word_is_read_as_an_expression(database: Database, word: str) -> None:
    search = await say(database, "plain words")
    assert await found(search, texts=(word,)) == []
