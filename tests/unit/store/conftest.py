"""SQLite stores on real files, and helpers that write to a store and damage its file."""

from __future__ import annotations

import asyncio
import os
import shutil
import threading
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import apsw
import pytest
from tornado.ioloop import IOLoop

from monitor.observer import Observer
from store.models import MessageDraft, RoomDraft, User
from store.sqlite import SqliteStore, open_store
from tests.support.clock import HandClock


class CountingObserver(Observer):
    """Records the operations and commits that the store reports."""

    __slots__ = ("commits", "operations")

    def __init__(self) -> None:
        self.operations: list[tuple[str, str | None]] = []
        self.commits: list[int] = []

    def store_operation(self, name: str, seconds: float, failure: str | None = None) -> None:
        assert seconds >= 0
        self.operations.append((name, failure))

    def store_commit(self, operations: int, seconds: float) -> None:
        assert seconds >= 0
        self.commits.append(operations)


class BlockingOperation:
    """An operation that blocks the writer's thread until `release` is set."""

    def __init__(self) -> None:
        self.began = threading.Event()
        self.release = threading.Event()

    def __call__(self, _connection: Any) -> str:
        self.began.set()
        assert self.release.wait(30)
        return "held"

    async def wait_began(self) -> None:
        assert await asyncio.to_thread(self.began.wait, 10)


class StoreWithRoom:
    """A store with one room and its owner, with short methods to write messages there."""

    def __init__(self, store: SqliteStore, room_id: str, ann: User) -> None:
        self.store = store
        self.room_id = room_id
        self.ann = ann
        self.sent = 0

    def draft(self, content: str = "hello", **more: Any) -> MessageDraft:
        self.sent += 1
        return MessageDraft(self.ann.id, self.ann.username, content, f"client-{self.sent}", **more)

    async def say(self, *contents: str) -> Any:
        """Append messages to the room. Returns the outcome of the first."""
        return (await self.store.messages.append(self.room_id, [self.draft(content) for content in contents]))[0]


def damage_page(path: Path) -> None:
    """Overwrite with random bytes a page in the middle of the messages table of a closed store."""
    connection = apsw.Connection(str(path))
    pages = [
        n for (n,) in connection.execute("SELECT pageno FROM dbstat WHERE name = 'messages' AND pagetype = 'leaf'")
    ]
    connection.close()
    with path.open("r+b") as file:
        file.seek((pages[len(pages) // 2] - 1) * 4096)
        file.write(os.urandom(4096))


Open = Callable[..., Awaitable[SqliteStore]]


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def observer() -> CountingObserver:
    return CountingObserver()


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def open_sqlite(data_dir: Path, clock: HandClock, observer: CountingObserver, io_loop: IOLoop) -> Iterator[Open]:
    """A function that opens a store, by default in `data_dir`, with the given options. All are closed at the end."""
    stores: list[SqliteStore] = []

    async def opened(where: Path = data_dir, **options: Any) -> SqliteStore:
        settings: dict[str, Any] = {
            "timeout_s": 60.0,
            "slow_ms": 60_000.0,
            "group_commit": True,
            "observer": observer,
            "now_ms": clock,
            **options,
        }
        stores.append(await open_store(where, **settings))
        return stores[-1]

    yield opened
    for store in stores:
        io_loop.run_sync(store.close, timeout=60)


async def store_with_room(store: SqliteStore) -> StoreWithRoom:
    ann = await store.users.create(username="ann", email="ann@example.org", password_hash="hash")
    made = await store.rooms.create(RoomDraft("Room", None, False, 100), ann.id)
    return StoreWithRoom(store, made.room.id, ann)


@pytest.fixture
def store(open_sqlite: Open, data_dir: Path, new_data_dir: Path, io_loop: IOLoop) -> SqliteStore:
    shutil.copytree(new_data_dir, data_dir)
    opening: SqliteStore = io_loop.run_sync(open_sqlite)
    return opening


@pytest.fixture
def room_store(store: SqliteStore, io_loop: IOLoop) -> StoreWithRoom:
    made: StoreWithRoom = io_loop.run_sync(lambda: store_with_room(store))
    return made
