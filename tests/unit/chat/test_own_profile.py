"""Who connects is read with one's own view: the user and the email address in one read, and never from an older one."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest

from cache.keys_and_ttls import CacheTtls, Keys
from cache.memory_cache import MemoryCache
from chat.presenter import Presenter
from chat.profiles import Profiles
from monitor.observer import Observer
from store.contract import Store
from tests.unit.chat.delivery.test_join_is_exact import DelayedStore, open_store

pytestmark = pytest.mark.gen_test

KEYS = Keys(CacheTtls(messages_s=60, users_s=60, stats_s=60))


class CountedProfiles:
    """Profiles of a store whose calls are counted."""

    def __init__(self, store: Store) -> None:
        self.calls: list[str] = []
        counted: Any = DelayedStore(store, random.Random(1), self.calls)
        self.cache = MemoryCache(observer=Observer())
        presenter = Presenter(status_of=lambda _, chosen: chosen, online_count=lambda _: 0)
        self.profiles = Profiles(store=counted, cache=self.cache, keys=KEYS, presenter=presenter)


async def test_a_user_who_is_not_cached_is_read_once_with_the_address(tmp_path: Path) -> None:
    async with open_store(tmp_path) as store:
        user = await store.users.create(username="ada", email="ada@example.com", password_hash="x")
        parts = CountedProfiles(store)
        found = await parts.profiles.find_own(user.id)
        assert found is not None
        assert (found[0], found[1].email) == (user, "ada@example.com")
        assert parts.calls == ["account"]
        assert await parts.profiles.find(user.id) == user
        assert parts.calls == ["account"], "the user is cached from then on"
        for _ in range(2):
            assert (await parts.profiles.own(user.id)).email == "ada@example.com"
        assert parts.calls == ["account"] * 2, "the address is cached from its own read"
        assert await parts.profiles.find_own("nobody") is None
        await parts.cache.close()


async def test_an_address_that_came_with_a_user_is_kept_for_nobody_who_asks_after_it_changed(tmp_path: Path) -> None:
    async with open_store(tmp_path) as store:
        user = await store.users.create(username="ada", email="ada@example.com", password_hash="x")
        parts = CountedProfiles(store)
        assert (await parts.profiles.own(user.id)).email == "ada@example.com"
        async with parts.cache.fence(KEYS.user(user.id), KEYS.email(user.id)):
            await store.ended_accounts.end(user.id, before="x")
        assert (await parts.profiles.own(user.id)).email == user.id
        await parts.cache.close()
