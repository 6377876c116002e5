"""The MongoDB part of the pre-deployment check: whether it answers, its version, its indexes. Changes nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pymongo
from pymongo.errors import PyMongoError

from common.startup_error import StartupError
from monitor.observer import Observer
from store.mongo import indexes, schema_version
from store.mongo.client import MongoOptions, connect, refusal_of
from store.mongo.database import Database, Document


async def probe(options: MongoOptions) -> str:
    """Connect and check the schema. Returns the server's version and kind in one line. Raises StartupError."""
    async with _database(options) as database:
        info: Document = await database.client.admin.command("buildInfo")
        hello = await _hello(database)
        await schema_version.require_compatible(database)
    kind = f"replica set {hello['setName']}" if "setName" in hello else "a single server: no failover"
    return f"MongoDB {info['version']}, {kind}"


async def check_indexes(options: MongoOptions) -> str:
    """Check the indexes. Returns a summary in one line. Raises StartupError for an index with other keys or options.

    The next start creates missing indexes, and fails on one that differs.
    """
    async with _database(options) as database:
        missing, wrong = await indexes.compare_indexes(database, with_text=True)
    if wrong:
        raise StartupError(f"{', '.join(wrong)}: other keys or options than wanted; drop it, and it will be made anew")
    return f"{len(indexes.INDEXES) - len(missing)} as they should be, {len(missing)} to be made at the next start"


async def taken_usernames(options: MongoOptions, names: Sequence[str]) -> set[str]:
    """Those of the case-folded usernames that are in use. Raises StartupError."""
    async with _database(options) as database:
        found = await database.users.find({"usernameFolded": {"$in": list(names)}}, {"usernameFolded": 1}).to_list(None)
    return {user["usernameFolded"] for user in found}


@asynccontextmanager
async def _database(options: MongoOptions) -> AsyncIterator[Database]:
    client = connect(options)
    timeout_s = options.server_selection_timeout_ms / 1000
    database = Database(
        client=client,
        name=options.db_name,
        write_concern=options.w,
        timeout_s=timeout_s,
        observer=Observer(),
        now_ms=lambda: 0,  # nothing is stored
    )
    try:
        with pymongo.timeout(timeout_s):
            yield database
    except PyMongoError as error:
        raise StartupError(refusal_of(error, options, timeout_s)) from error
    finally:
        await database.close()


async def _hello(database: Database) -> dict[str, Any]:
    """The server's description of itself. `isMaster` is the older name of `hello`, which all servers know."""
    answer: dict[str, Any] = await database.client.admin.command("isMaster")
    return answer
