"""The store backends that the contract is tested on: one entry each, with how to open a store at a location."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

from monitor.hooks import Observer
from store.contract import Store
from store.sqlite import open_store as open_sqlite

Now = Callable[[], int]
Opener = Callable[[Path, Now], Awaitable[Store]]


async def _sqlite(location: Path, now_ms: Now) -> Store:
    return await open_sqlite(location, timeout_s=5.0, group_commit=True, observer=Observer(), now_ms=now_ms)


async def _sqlite_one_by_one(location: Path, now_ms: Now) -> Store:
    return await open_sqlite(location, timeout_s=5.0, group_commit=False, observer=Observer(), now_ms=now_ms)


async def _sqlite_shared(location: Path, now_ms: Now) -> Store:
    return await open_sqlite(location, timeout_s=5.0, group_commit=True, observer=Observer(), now_ms=now_ms, shared=True)


BACKENDS: dict[str, Opener] = {
    "sqlite": _sqlite,
    "sqlite-one-by-one": _sqlite_one_by_one,
    "sqlite-shared": _sqlite_shared,
}

# Those of which several may be open on one location at once.
SHARED = ("sqlite-shared",)
