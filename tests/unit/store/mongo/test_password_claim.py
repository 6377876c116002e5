"""Of several concurrent changes of one password one succeeds. After a failure a retry may succeed."""

from __future__ import annotations

from typing import Any

import pytest
from pymongo.errors import AutoReconnect

from store.errors import Outdated, StoreUnavailable
from store.models import Session
from store.mongo import MongoStore, users
from tests.contract.conftest import StoreFiller
from tests.support.clock import HandClock
from tests.unit.store.mongo.conftest import Open


def session(name: str, user_id: str, clock: HandClock) -> Session:
    return Session(id=name, user_id=user_id, generation=1, rotated_at_ms=clock.ms, expires_at_ms=clock.ms + 10**9)


async def hash_of(store: MongoStore, user_id: str) -> str:
    account = await store.users.account(user_id)
    assert account is not None
    return account.password_hash


@pytest.mark.gen_test
async def test_who_fails_in_the_middle_may_try_again_at_once(
    store: MongoStore, fill: StoreFiller, monkeypatch: pytest.MonkeyPatch
) -> None:
    user, revoke, lost = await fill.user(), users.revoke_sessions, []

    async def lose_the_first(*arguments: Any) -> list[str]:
        if not lost:
            lost.append(arguments)
            raise AutoReconnect("connection closed")
        return await revoke(*arguments)

    monkeypatch.setattr(users, "revoke_sessions", lose_the_first)
    with pytest.raises(StoreUnavailable):
        await store.users.set_password(user.id, "second", keep_session_id=None, before="hash")
    assert await hash_of(store, user.id) == "hash"
    assert await store.users.set_password(user.id, "second", keep_session_id=None, before="hash") == []
    assert await hash_of(store, user.id) == "second"


@pytest.mark.gen_test
async def test_while_one_sets_it_another_is_told_to_try_again_and_then_that_the_hash_is_another(
    store: MongoStore, fill: StoreFiller, open_mongo: Open, clock: HandClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    user, other, revoke, rehashed = await fill.user(), await open_mongo(), users.revoke_sessions, []
    await store.sessions.create(session("ours", user.id, clock))

    async def others_come(*arguments: Any) -> list[str]:
        if not rehashed:
            rehashed.append(await other.users.rehash(user.id, "hash", "another hash of the same"))
            with pytest.raises(StoreUnavailable, match="busy"):
                await other.users.set_password(user.id, "third", keep_session_id=None, before="hash")
        return await revoke(*arguments)

    monkeypatch.setattr(users, "revoke_sessions", others_come)
    assert await store.users.set_password(user.id, "second", keep_session_id="ours", before="hash") == []
    assert rehashed == [False]
    with pytest.raises(Outdated):
        await other.users.set_password(user.id, "third", keep_session_id=None, before="hash")
    assert await hash_of(store, user.id) == "second"
    ours = await store.sessions.get("ours")
    assert ours is not None
    assert ours.revoked_at_ms is None, "who came too late has revoked nothing"


@pytest.mark.gen_test
async def test_the_claim_of_a_process_that_died_is_over_after_a_while(
    store: MongoStore, fill: StoreFiller, clock: HandClock
) -> None:
    user = await fill.user()
    await store.users._claim(user.id, "hash")
    clock.ms += 4_999
    with pytest.raises(StoreUnavailable, match="busy"):
        await store.users.set_password(user.id, "second", keep_session_id=None, before="hash")
    clock.ms += 1
    assert await store.users.set_password(user.id, "second", keep_session_id=None, before="hash") == []


@pytest.mark.gen_test
async def test_a_claim_by_a_clock_that_is_ahead_counts_for_none(
    store: MongoStore, fill: StoreFiller, open_mongo: Open, clock: HandClock
) -> None:
    user, other = await fill.user(), await open_mongo()
    clock.ms += 3_600_000
    await other.users._claim(user.id, "hash")
    clock.ms -= 3_600_000
    assert await store.users.set_password(user.id, "second", keep_session_id=None, before="hash") == []
