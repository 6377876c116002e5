"""What is left of deleted accounts is finished later, and one whose end keeps failing costs the others nothing."""

from __future__ import annotations

from itertools import count
from pathlib import Path
from typing import Any

import pytest

from cache.keys_and_ttls import CacheTtls, Keys
from chat import account_deletion
from chat.account_deletion import PENDING_A_CALL, RETRY_AFTER_S, AccountDeletion
from cluster.events import AccountEnded
from monitor.observer import Observer
from store import sqlite
from store.errors import StoreUnavailable
from store.models import RoomDraft

pytestmark = pytest.mark.gen_test


class FailingRooms:
    """Rooms that these people cannot leave, because the store fails."""

    def __init__(self) -> None:
        self.stuck: set[str] = set()
        self.tries: list[str] = []

    async def end_membership(self, room_id: str, user_id: str) -> None:
        self.tries.append(user_id)
        if user_id in self.stuck:
            raise StoreUnavailable("a failure")


class CountingCache:
    def __init__(self) -> None:
        self.flushes = 0

    def invalidate_all(self) -> None:
        self.flushes += 1


class Parts:
    """The deletion of accounts on a store of the test's own. Its clocks stand."""

    def __init__(self, store: Any) -> None:
        self.store = store
        self.now_s = 100.0
        self.now_ms = 1_700_000_000_000
        self.rooms, self.cache = FailingRooms(), CountingCache()
        self.published: list[object] = []
        unused: Any = None
        stand_ins: Any = {"rooms": self.rooms, "cache": self.cache, "bus": self}
        self.deletion = AccountDeletion(
            store=store,
            keys=Keys(CacheTtls(messages_s=1800, users_s=300, stats_s=600)),
            passwords=unused,
            logins=unused,
            now_ms=lambda: self.now_ms,
            now=lambda: self.now_s,
            **stand_ins,
        )

    def publish(self, topic: str, event: object) -> None:
        self.published.append(event)

    async def ended(self, name: str) -> str:
        """An account that was deleted while it was in a room. Returns its id."""
        user = await self.store.users.create(username=name, email=f"{name}@example.org", password_hash="x")
        await self.store.rooms.create(RoomDraft("Tea", None, False, 10), user.id)
        await self.store.ended_accounts.end(user.id, before="x")
        user_id: str = user.id
        return user_id

    async def unfinished(self) -> list[str]:
        found: list[str] = await self.store.ended_accounts.unfinished(ended_before_ms=2**50, limit=100)
        return found


async def parts_in(folder: Path) -> Parts:
    times_ms = count(1_600_000_000_000)
    store = await sqlite.open_store(
        folder, timeout_s=60, group_commit=True, observer=Observer(), now_ms=lambda: next(times_ms)
    )
    return Parts(store)


async def test_an_account_whose_end_keeps_failing_flushes_the_caches_once_and_is_tried_less_often(
    tmp_path: Path,
) -> None:
    parts = await parts_in(tmp_path)
    try:
        user_id = await parts.ended("ada")
        parts.rooms.stuck = {user_id}
        for _ in range(5):
            await parts.deletion.finish_pending()
        assert parts.rooms.tries == [user_id]
        parts.now_s += RETRY_AFTER_S
        await parts.deletion.finish_pending()
        parts.now_s += RETRY_AFTER_S
        await parts.deletion.finish_pending()
        assert parts.rooms.tries == [user_id] * 2
        assert (parts.cache.flushes, parts.published) == (1, [AccountEnded(user_id)])
        parts.rooms.stuck = set()
        parts.now_s += RETRY_AFTER_S
        await parts.deletion.finish_pending()
        assert await parts.unfinished() == []
    finally:
        await parts.store.close()


async def test_accounts_whose_end_keeps_failing_do_not_hold_up_younger_ones(tmp_path: Path) -> None:
    parts = await parts_in(tmp_path)
    try:
        old = [await parts.ended(f"old{number}") for number in range(PENDING_A_CALL)]
        await parts.ended("young")
        parts.rooms.stuck = set(old)
        await parts.deletion.finish_pending()
        await parts.deletion.finish_pending()
        assert await parts.unfinished() == old
    finally:
        await parts.store.close()


async def test_the_notes_of_failures_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(account_deletion, "FAILED_MAX", 1)
    parts = await parts_in(tmp_path)
    try:
        parts.rooms.stuck = {await parts.ended("ada"), await parts.ended("bob")}
        await parts.deletion.finish_pending()
        await parts.deletion.finish_pending()
        assert len(parts.rooms.tries) == 3, "the earlier one is forgotten, and tried at once"
    finally:
        await parts.store.close()
