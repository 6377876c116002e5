"""A new store of each backend for each test, and helpers to fill it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Awaitable, Callable, Iterator
from itertools import count
from pathlib import Path

import pytest
from tornado.ioloop import IOLoop

from store.contract import Store
from store.models import Message, MessageDraft, Role, RoomDraft, Standing, Stored, User
from tests.contract.backends import BACKENDS, STORES, URI_VARIABLE, database_at
from tests.contract.moderated_room import MakeRoom, ModeratedRoom
from tests.support.clock import HandClock
from tests.support.mongo import drop_database


class StoreFiller:
    """Short methods that create users, rooms and messages in a store."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self._numbers = count(1)

    async def user(self, username: str | None = None) -> User:
        name = username or f"user{next(self._numbers)}"
        return await self.store.users.create(username=name, email=f"{name}@example.org", password_hash="hash")

    async def room(self, owner: User, *, name: str = "Room", private: bool = False, max_users: int = 100) -> Standing:
        return await self.store.rooms.create(RoomDraft(name, None, private, max_users), owner.id)

    async def members(self, room_id: str, count: int) -> list[User]:
        """Make new users members of a room; each join is a change of it."""
        people = [await self.user() for _ in range(count)]
        for one in people:
            await self.store.members.add(room_id, one.id)
        return people

    async def say(self, room_id: str, author: User, *contents: str) -> list[Message]:
        """Append messages in one call. Raises AssertionError unless every one is stored."""
        drafts = [self.draft(author, content) for content in contents]
        outcomes = await self.store.messages.append(room_id, drafts)
        assert all(isinstance(outcome, Stored) and not outcome.duplicate for outcome in outcomes)
        return [outcome.message for outcome in outcomes if isinstance(outcome, Stored)]

    def draft(self, author: User, content: str = "hello", client_id: str | None = None, **more: object) -> MessageDraft:
        client_id = client_id or f"client-{next(self._numbers)}"
        return MessageDraft(author.id, author.username, content, client_id, **more)  # type: ignore[arg-type]


# For tests with concurrent writes, or with a process that ends in the middle of one.
on_each_backend = pytest.mark.parametrize("backend", sorted(BACKENDS), indirect=True)

Reopen = Callable[[], Awaitable[Store]]


@pytest.fixture(params=STORES)
def backend(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The backend's name: one of STORES, or of all with `on_each_backend`."""
    name = str(request.param)
    if not BACKENDS[name].is_mongo:
        yield name
        return
    uri = request.getfixturevalue("mongo_uri")
    os.environ[URI_VARIABLE] = uri
    yield name
    drop_database(uri, database_at(tmp_path / "data"))


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def open_again(backend: str, tmp_path: Path, clock: HandClock, io_loop: IOLoop) -> Iterator[Reopen]:
    """A function that opens the store of one location again. All are closed at the end."""
    stores: list[Store] = []

    async def reopen() -> Store:
        stores.append(await BACKENDS[backend].open(tmp_path / "data", clock))
        return stores[-1]

    yield reopen
    for store in stores:
        io_loop.run_sync(store.close)


@pytest.fixture
def store(backend: str, open_again: Reopen, tmp_path: Path, new_data_dir: Path, io_loop: IOLoop) -> Store:
    if not BACKENDS[backend].is_mongo:
        shutil.copytree(new_data_dir, tmp_path / "data")
    opening: Store = io_loop.run_sync(open_again)
    return opening


@pytest.fixture
def fill(store: Store) -> StoreFiller:
    return StoreFiller(store)


@pytest.fixture
def make_room(store: Store, fill: StoreFiller) -> MakeRoom:
    """A function that makes a room with three people."""

    async def make(*, private: bool = False, max_users: int = 100) -> ModeratedRoom:
        owner, moderator, member = [await fill.user() for _ in range(3)]
        room_id = (await fill.room(owner, private=private, max_users=max_users)).room.id
        await store.members.add(room_id, moderator.id, role=Role.MODERATOR)
        await store.members.add(room_id, member.id)
        return ModeratedRoom(store, room_id, owner, moderator, member)

    return make
