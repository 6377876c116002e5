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
    """`open` opens a store at a folder of the test's; `is_shared`: several may be open on one location at once."""

    open: Opener
    is_shared: bool = False
    is_mongo: bool = False


async def _sqlite(location: Path, now_ms: Now, *, group_commit: bool = True, shared: bool = False) -> Store:
    return await open_sqlite(
        location, timeout_s=60.0, group_commit=group_commit, observer=Observer(), now_ms=now_ms, shared=shared
    )


async def _mongo(location: Path, now_ms: Now, *, group_commit: bool = True) -> Store:
    # Here and not above: half of the child processes write to SQLite, and the driver is most of what they would load.
    from store.mongo import MongoOptions
    from store.mongo import open_store as open_mongo

    options = MongoOptions(uri=os.environ[URI_VARIABLE], db_name=database_at(location))
    return await open_mongo(options, timeout_s=60.0, group_commit=group_commit, observer=Observer(), now_ms=now_ms)


def database_at(location: Path) -> str:
    """The database's name that stands for a folder: names have at most 63 characters."""
    return "-".join(location.parts[-3:]).replace(".", "-")[-60:]


BACKENDS: dict[str, Backend] = {
    "sqlite": Backend(_sqlite),
    "sqlite-one-by-one": Backend(partial(_sqlite, group_commit=False)),
    "sqlite-shared": Backend(partial(_sqlite, shared=True), is_shared=True),
    "mongo": Backend(_mongo, is_shared=True, is_mongo=True),
    "mongo-one-by-one": Backend(partial(_mongo, group_commit=False), is_shared=True, is_mongo=True),
}
# One of each store. Only who writes while another write is under way can tell a store that gathers writes from one that
# takes them one by one: a write that comes alone is a batch of one for both. And only there do commits take turns,
# which is all that `shared` adds within one process. What is read, refused or written alone is the same lines of code
# on all of a store's backends.
STORES = ("mongo", "sqlite")
SHARED = tuple(name for name, backend in BACKENDS.items() if backend.is_shared)
