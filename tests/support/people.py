"""Many logged-in people, written directly into a store: to register them would hash a password for each."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

from chat.access_tokens import Tokens
from monitor.observer import Observer
from store import sqlite
from store.contract import Store
from store.models import Session
from tests.support.client import Person

LOGGED_IN_S = 3600


def now_ms() -> int:
    return time.time_ns() // 1_000_000


async def create_people(data_dir: Path, count: int, *, secret: str) -> list[Person]:
    """Create `count` logged-in people in an embedded store that no server has open. `secret` is the later JWT_SECRET.

    Their `url` is empty until `people_at` sets it.
    """
    with sqlite.DirectoryLock(data_dir, shared=False):
        store = await sqlite.open_store(data_dir, timeout_s=60.0, group_commit=True, observer=Observer(), now_ms=now_ms)
        try:
            return list(
                await asyncio.gather(*(_create_person(store, f"settler{number}", secret) for number in range(count)))
            )
        finally:
            await store.close()


async def _create_person(store: Store, name: str, secret: str) -> Person:
    user = await store.users.create(username=name, email=f"{name}@example.com", password_hash="none")
    session = Session(f"s-{name}", user.id, 1, now_ms(), now_ms() + LOGGED_IN_S * 1000)
    await store.sessions.create(session)
    tokens = Tokens(secret=secret, previous=None, expires_in_s=LOGGED_IN_S)
    return Person(
        "", {"id": user.id, "username": name}, tokens.access(session, now_ms=now_ms()), tokens.refresh(session)
    )


def people_at(url: str, people: list[Person]) -> list[Person]:
    """The same people, as clients of the server at `url`."""
    return [Person(url, one.user, one.access_token, one.refresh_token) for one in people]
