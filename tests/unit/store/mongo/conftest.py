"""MongoDB stores, each test's on a database of its own, and a second client that reads it directly."""

from __future__ import annotations

import itertools
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pymongo
import pytest
from pymongo.database import Database as RawDatabase
from tornado.ioloop import IOLoop

from monitor.observer import Observer
from store.mongo import MongoOptions, MongoStore, open_store
from tests.contract.conftest import StoreFiller
from tests.support.clock import HandClock
from tests.support.mongo import drop_database

Open = Callable[..., Awaitable[MongoStore]]
_NUMBERS = itertools.count()


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def database_name(mongo_uri: str) -> Iterator[str]:
    name = f"unit-{next(_NUMBERS)}"
    drop_database(mongo_uri, name)
    yield name
    drop_database(mongo_uri, name)


@pytest.fixture
def options(mongo_uri: str, database_name: str) -> MongoOptions:
    return MongoOptions(uri=mongo_uri, db_name=database_name)


@pytest.fixture
def open_mongo(options: MongoOptions, clock: HandClock, io_loop: IOLoop) -> Iterator[Open]:
    """A function that opens a store on the database; keyword arguments override the defaults. All are closed at the
    end.
    """
    stores: list[MongoStore] = []

    async def opening(**more: Any) -> MongoStore:
        usual: dict[str, Any] = {"timeout_s": 5.0, "group_commit": True, "observer": Observer(), "now_ms": clock}
        stores.append(await open_store(more.pop("options", options), **(usual | more)))
        return stores[-1]

    yield opening
    for store in stores:
        io_loop.run_sync(store.close)


@pytest.fixture
def store(open_mongo: Open, io_loop: IOLoop) -> MongoStore:
    opened: MongoStore = io_loop.run_sync(open_mongo)
    return opened


@pytest.fixture
def fill(store: MongoStore) -> StoreFiller:
    return StoreFiller(store)


@pytest.fixture
def raw(mongo_uri: str, database_name: str) -> Iterator[RawDatabase[dict[str, Any]]]:
    """The database, accessed without the store."""
    with pymongo.MongoClient[dict[str, Any]](mongo_uri) as client:
        yield client[database_name]
