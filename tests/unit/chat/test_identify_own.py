"""Who connects is known by a session and an account, which all who connect at once read together."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from cache.keys_and_ttls import CacheTtls, Keys
from cache.memory_cache import MemoryCache
from chat.access_tokens import Tokens
from chat.errors import ChatError
from chat.logins import Logins
from chat.presenter import Presenter
from chat.profiles import Profiles
from cluster.memory_bus import MemoryBus
from monitor.observer import Observer
from store.contract import Store
from store.models import ProfileChange, Session
from tests.support.waiting import until_on_loop
from tests.unit.chat.delivery.test_join_is_exact import DelayedStore, open_store

pytestmark = pytest.mark.gen_test

KEYS = Keys(CacheTtls(messages_s=60, users_s=60, stats_s=60))
NOW_MS = 1_700_000_000_000


class CountedLogins:
    """Logins on a store whose calls are counted."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.calls: list[str] = []
        counted: Any = DelayedStore(store, random.Random(1), self.calls)
        self.cache = MemoryCache(observer=Observer())
        presenter = Presenter(status_of=lambda _, chosen: chosen, online_count=lambda _: 0)
        self.profiles = Profiles(store=counted, cache=self.cache, keys=KEYS, presenter=presenter)
        self.tokens = Tokens(secret="s" * 32, previous=None, expires_in_s=900)
        self.logins = Logins(
            store=counted,
            cache=self.cache,
            keys=KEYS,
            bus=MemoryBus(),
            tokens=self.tokens,
            profiles=self.profiles,
            refresh_expires_in_s=3600,
            session_max_s=7200,
            now_ms=lambda: NOW_MS,
        )

    async def person(self, name: str) -> tuple[Session, str]:
        user = await self.store.users.create(username=name, email=f"{name}@example.com", password_hash="x")
        session = Session(f"s-{name}", user.id, 1, NOW_MS, NOW_MS + 3_600_000, began_at_ms=NOW_MS)
        await self.store.sessions.create(session)
        return session, self.tokens.access(session, now_ms=NOW_MS)


@asynccontextmanager
async def counted_logins(path: Path) -> AsyncIterator[CountedLogins]:
    async with open_store(path) as store:
        parts = CountedLogins(store)
        try:
            yield parts
        finally:
            await parts.logins.close()
            await parts.cache.close()


async def test_who_connects_at_once_is_read_together_and_cached(tmp_path: Path) -> None:
    async with counted_logins(tmp_path) as parts:
        people = [await parts.person(f"user{number}") for number in range(20)]
        tokens = [token for _, token in people]
        found = await asyncio.gather(*(parts.logins.identify_own(token) for token in tokens))
        assert parts.calls == ["with_accounts"]
        for number, ((session, _), (identity, own)) in enumerate(zip(people, found, strict=True)):
            assert (identity.session_id, identity.user.id) == (session.id, session.user_id)
            assert (own.id, own.email) == (session.user_id, f"user{number}@example.com")
        assert await parts.logins.identify(tokens[0]) == found[0][0]
        assert parts.calls == ["with_accounts"]


async def test_two_who_connect_by_one_login_share_its_read(tmp_path: Path) -> None:
    async with counted_logins(tmp_path) as parts:
        _, token = await parts.person("ada")
        found = await asyncio.gather(*(parts.logins.identify_own(token) for _ in range(2)))
        assert [own.email for _, own in found] == ["ada@example.com"] * 2
        assert parts.calls[0] == "with_accounts"
        assert parts.calls.count("with_accounts") == 1


async def test_a_login_that_has_ended_or_is_another_users_is_refused(tmp_path: Path) -> None:
    async with counted_logins(tmp_path) as parts:
        session, token = await parts.person("ada")
        other, _ = await parts.person("ben")
        await parts.store.sessions.revoke(session.id, now_ms=NOW_MS)
        forged = parts.tokens.access(
            Session(other.id, session.user_id, 1, NOW_MS, NOW_MS + 1, began_at_ms=NOW_MS), now_ms=NOW_MS
        )
        unknown = parts.tokens.access(
            Session("none", "nobody", 1, NOW_MS, NOW_MS + 1, began_at_ms=NOW_MS), now_ms=NOW_MS
        )
        for refused in (token, forged, unknown, token):
            with pytest.raises(ChatError, match="unauthorized"):
                await parts.logins.identify_own(refused)


async def test_a_user_who_changes_while_being_read_is_not_cached_as_before(tmp_path: Path) -> None:
    async with counted_logins(tmp_path) as parts:
        session, token = await parts.person("ada")
        connecting = asyncio.create_task(parts.logins.identify_own(token))
        await until_on_loop(lambda: parts.calls)
        async with parts.cache.fence(KEYS.user(session.user_id)):
            await parts.store.users.update(session.user_id, ProfileChange(display_name="Ada L."))
        await connecting
        user = await parts.profiles.find(session.user_id)
        assert user is not None
        assert user.display_name == "Ada L."
