"""Uses of invite links without transactions: a store that fails, and people who leave, in the middle of one."""

from __future__ import annotations

from typing import Any

import pytest
from pymongo.database import Database as RawDatabase

from store.errors import Missing, StoreUnavailable
from store.models import Actor, User
from store.mongo import MongoStore
from tests.contract.conftest import StoreFiller
from tests.support.clock import HandClock
from tests.unit.store.mongo.conftest import Open
from tests.unit.store.mongo.test_change_log import stop_before_applying

Raw = RawDatabase[dict[str, Any]]
DAY_MS = 24 * 3600 * 1000


async def room_with_link(store: MongoStore, fill: StoreFiller, *, max_uses: int = 1) -> tuple[str, User]:
    """A room with the link `code`, and its owner."""
    ann = await fill.user()
    room_id = (await fill.room(ann)).room.id
    await store.invites.create(room_id, "code", actor=Actor(ann.id), max_uses=max_uses, expires_in_ms=None)
    return room_id, ann


@pytest.mark.gen_test
async def test_the_use_of_a_membership_that_may_have_begun_is_not_given_to_another(
    store: MongoStore, fill: StoreFiller, open_mongo: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    room_id, _ = await room_with_link(store, fill)
    bob, cy = await fill.user(), await fill.user()
    stop_before_applying(store, monkeypatch)
    with pytest.raises(StoreUnavailable):
        await store.invites.use("code", bob.id)
    other = await open_mongo()
    with pytest.raises(Missing):
        await other.invites.use("code", cy.id)
    await other.members.add(room_id, cy.id)  # by another way: it applies the entry that was left
    assert await other.members.get(room_id, bob.id) is not None


@pytest.mark.gen_test
async def test_who_leaves_while_they_use_a_link_again_takes_a_use(store: MongoStore, fill: StoreFiller) -> None:
    room_id, _ = await room_with_link(store, fill, max_uses=2)
    bob, cy = await fill.user(), await fill.user()
    await store.invites.use("code", bob.id)
    members = store._database.members
    find_one = members.find_one

    async def leave_after(*args: Any, **more: Any) -> Any:
        object.__setattr__(members, "find_one", find_one)
        found = await find_one(*args, **more)
        await store.members.remove(room_id, bob.id)
        return found

    object.__setattr__(members, "find_one", leave_after)
    assert (await store.invites.use("code", bob.id)).changed
    with pytest.raises(Missing):
        await store.invites.use("code", cy.id)


@pytest.mark.parametrize("step", ["use", "claim"])
@pytest.mark.gen_test
async def test_a_link_is_removed_a_day_after_its_last_use(
    store: MongoStore, fill: StoreFiller, clock: HandClock, raw: Raw, step: str
) -> None:
    await room_with_link(store, fill)
    bob = await fill.user()
    await (store.invites.claim("code") if step == "claim" else store.invites.use("code", bob.id))
    clock.ms += DAY_MS
    await store.sweep(clock.ms)
    assert raw.invites.count_documents({}) == 0


@pytest.mark.gen_test
async def test_a_use_given_back_to_a_revoked_link_does_not_keep_it(
    store: MongoStore, fill: StoreFiller, clock: HandClock, raw: Raw
) -> None:
    room_id, ann = await room_with_link(store, fill)
    await store.invites.claim("code")
    await store.invites.revoke(room_id, "code", actor=Actor(ann.id))
    await store.invites.release("code")
    assert await store.invites.find("code") is None
    clock.ms += DAY_MS
    await store.sweep(clock.ms)
    assert raw.invites.count_documents({}) == 0
