"""The store backends that the contract is tested on: one entry each, with how to open a store at a location."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path

from msgspec import Struct

from monitor.observer import Observer
from store.contract import Store
from store.sqlite import open_store as open_sqlite

Now = Callable[[], int]
Opener = Callable[[Path, Now], Awaitable[Store]]

# Where the tests' MongoDB server is: in the environment, so that child processes find it too.
URI_VARIABLE = "CONTRACT_MONGO_URI"


class Backend(Struct, frozen=True):
    """A store backend. `open` opens a store at a folder; `is_shared`: several stores may be open on one location at
    once.
    """

    open: Opener
    is_shared: bool = False
    is_mongo: bool = False


async def _open_sqlite(location: Path, now_ms: Now, *, group_commit: bool = True, shared: bool = False) -> Store:
    return await open_sqlite(
        location, timeout_s=60.0, group_commit=group_commit, observer=Observer(), now_ms=now_ms, shared=shared
    )


async def _open_mongo(location: Path, now_ms: Now, *, group_commit: bool = True) -> Store:
    # Not at the top: half of the child processes write to SQLite, and the driver would be most of what they load.
    from store.mongo import MongoOptions
    from store.mongo import open_store as open_mongo

    options = MongoOptions(uri=os.environ[URI_VARIABLE], db_name=database_at(location))
    return await open_mongo(options, timeout_s=60.0, group_commit=group_commit, observer=Observer(), now_ms=now_ms)


def database_at(location: Path) -> str:
    """The name of the database for a folder. MongoDB's names have at most 63 characters."""
    return "-".join(location.parts[-3:]).replace(".", "-")[-60:]


BACKENDS: dict[str, Backend] = {
    "sqlite": Backend(_open_sqlite),
    "sqlite-one-by-one": Backend(partial(_open_sqlite, group_commit=False)),
    "sqlite-shared": Backend(partial(_open_sqlite, shared=True), is_shared=True),
    "mongo": Backend(_open_mongo, is_shared=True, is_mongo=True),
    "mongo-one-by-one": Backend(partial(_open_mongo, group_commit=False), is_shared=True, is_mongo=True),
}
# One backend of each store. Batching and `shared` make a difference only for writes that are concurrent: a single write
# is a batch of one either way, and `shared` only queues the commits of several processes. Everything else runs the same
# code on all backends of a store.
STORES = ("mongo", "sqlite")
SHARED = tuple(name for name, backend in BACKENDS.items() if backend.is_shared)
