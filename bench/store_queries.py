"""Queries as the store runs them, and in a slower way: the ratio is the gain of an index, a keyset or a pool.

They go straight to the database in both ways, so that a ratio shows only the one difference.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

import apsw
import pymongo
from pymongo.collection import Collection
from pymongo.errors import PyMongoError

from bench.errors import BenchError
from common.startup_error import StartupError
from store.errors import StoreError
from store.mongo import MongoOptions
from store.mongo.client import refusal_of, without_credentials

Query = Callable[[], object]

PAGE = 50
# The comparisons, by their names in reports.
BY_INDEX = "newest page, index against none"
BY_KEYSET = "page at depth, keyset against skip"
BY_TEXT_INDEX = "search, text index against scan"
BY_POOL = "newest page, pooled against a connection each"
SELECT_WITHIN_MS = 5000


class Queries(Protocol):
    """`pairs` returns, by the name of a comparison, the store's way and the other one.

    The deep page begins `depth` messages below `head`.
    """

    @property
    def server(self) -> str:
        """Name and version of the database."""

    def pairs(self, room_id: str, *, head: int, depth: int, word: str) -> Mapping[str, tuple[Query, Query]]: ...

    def close(self) -> None: ...


class SqliteQueries:
    """Queries on a database file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._connection = self._open()

    @property
    def server(self) -> str:
        return f"SQLite {apsw.sqlite_lib_version()}"

    def _open(self) -> apsw.Connection:
        return apsw.Connection(str(self._path), flags=apsw.SQLITE_OPEN_READONLY)

    def pairs(self, room_id: str, *, head: int, depth: int, word: str) -> Mapping[str, tuple[Query, Query]]:
        page = "SELECT * FROM messages WHERE room_id = ? ORDER BY seq DESC LIMIT ?"
        # A `+` before a column keeps the planner from its indexes.
        scan = "SELECT * FROM messages WHERE +room_id = ? ORDER BY +seq DESC LIMIT ?"
        keyset = "SELECT * FROM messages WHERE room_id = ? AND seq <= ? ORDER BY seq DESC LIMIT ?"
        skip = "SELECT * FROM messages WHERE room_id = ? ORDER BY seq DESC LIMIT ? OFFSET ?"
        by_words = (
            "SELECT m.* FROM messages_fts JOIN messages m ON m.row = messages_fts.rowid "
            "WHERE messages_fts MATCH ? LIMIT ?"
        )
        by_reading = "SELECT * FROM messages WHERE content LIKE '%' || ? || '%' LIMIT ?"
        return {
            BY_INDEX: (self._query(page, room_id, PAGE), self._query(scan, room_id, PAGE)),
            BY_KEYSET: (
                self._query(keyset, room_id, head - depth, PAGE),
                self._query(skip, room_id, PAGE, depth),
            ),
            BY_TEXT_INDEX: (self._query(by_words, word, PAGE), self._query(by_reading, word, PAGE)),
            BY_POOL: (
                self._query(page, room_id, PAGE),
                lambda: self._query_on_new_connection(page, room_id, PAGE),
            ),
        }

    def _query(self, statement: str, *bindings: Any) -> Query:
        return lambda: self._connection.execute(statement, bindings).fetchall()

    def _query_on_new_connection(self, statement: str, *bindings: Any) -> object:
        connection = self._open()
        try:
            return connection.execute(statement, bindings).fetchall()
        finally:
            connection.close()

    def close(self) -> None:
        self._connection.close()


@contextmanager
def one_line_for(uri: str) -> Iterator[None]:
    """Turn errors of MongoDB or of the connection to it into a BenchError of one line, without the password."""
    began_s = time.monotonic()
    try:
        yield
    except PyMongoError as error:
        options = MongoOptions(uri=uri, db_name="")
        raise BenchError(refusal_of(error, options, time.monotonic() - began_s)) from error
    except (StartupError, StoreError, ValueError) as error:  # ValueError: a malformed URI
        raise BenchError(f"MongoDB cannot be used: {without_credentials(str(error), uri)}") from error


class MongoQueries:
    """Queries on a database of a MongoDB server."""

    def __init__(self, uri: str, database: str) -> None:
        self._uri = uri
        self._database = database
        self._client: pymongo.MongoClient[dict[str, Any]] = pymongo.MongoClient(
            uri, serverSelectionTimeoutMS=SELECT_WITHIN_MS
        )
        try:
            self._info = self._client.admin.command("buildInfo")
        except PyMongoError:
            self._client.close()
            raise

    @property
    def is_real(self) -> bool:
        """Whether this is MongoDB, and not another server with its protocol."""
        return "wiredTiger" in self._info.get("storageEngines", ())

    @property
    def server(self) -> str:
        version = self._info.get("version", "")
        return (
            f"MongoDB {version}"
            if self.is_real
            else f"a stand-in for MongoDB {version} (not measured: no ratio on it means anything)"
        )

    def pairs(self, room_id: str, *, head: int, depth: int, word: str) -> Mapping[str, tuple[Query, Query]]:
        messages = self._client[self._database].messages
        newest = {"roomId": room_id}
        below = {"roomId": room_id, "seq": {"$lte": head - depth}}
        return {
            BY_INDEX: (
                lambda: list(messages.find(newest).sort("seq", -1).limit(PAGE)),
                lambda: list(messages.find(newest).sort("seq", -1).limit(PAGE).hint([("$natural", 1)])),
            ),
            BY_KEYSET: (
                lambda: list(messages.find(below).sort("seq", -1).limit(PAGE)),
                lambda: list(messages.find(newest).sort("seq", -1).skip(depth).limit(PAGE)),
            ),
            BY_TEXT_INDEX: (
                lambda: list(messages.find({"$text": {"$search": f'"{word}"'}}).limit(PAGE)),
                lambda: list(messages.find({"content": {"$regex": word, "$options": "i"}}).limit(PAGE)),
            ),
            BY_POOL: (
                lambda: list(messages.find(newest).sort("seq", -1).limit(PAGE)),
                lambda: self._query_on_new_connection(newest),
            ),
        }

    def _query_on_new_connection(self, wanted: dict[str, Any]) -> object:
        with pymongo.MongoClient[dict[str, Any]](self._uri) as client:
            messages: Collection[dict[str, Any]] = client[self._database].messages
            return list(messages.find(wanted).sort("seq", -1).limit(PAGE))

    def close(self) -> None:
        """Drop the database, which the bench made, and close the connection."""
        self._client.drop_database(self._database)
        self._client.close()
