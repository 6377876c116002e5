"""Whom users blocked, and that a block refuses a direct room."""

from __future__ import annotations

import asyncio

import pytest

from store.contract import Store
from store.errors import Missing, Refused
from store.models import BLOCKS_MAX, Refusal
from tests.contract.conftest import StoreFiller, on_each_backend
from tests.support.clock import HandClock


@pytest.mark.gen_test
async def test_blocks_are_listed_the_last_first_and_are_ones_own(
    store: Store, fill: StoreFiller, clock: HandClock
) -> None:
    ann, bob, cleo = [await fill.user() for _ in range(3)]
    for blocked in (bob, cleo, bob):
        await store.blocks.add(ann.id, blocked.id)
        clock.ms += 1
    assert await store.blocks.list(ann.id) == [cleo, bob]
    assert await store.blocks.list(bob.id) == []
    await store.blocks.remove(ann.id, cleo.id)
    await store.blocks.remove(ann.id, cleo.id)
    assert await store.blocks.list(ann.id) == [bob]


@pytest.mark.gen_test
async def test_nobody_cannot_be_blocked(store: Store, fill: StoreFiller) -> None:
    ann = await fill.user()
    for pair in ((ann.id, "nobody"), ("nobody", ann.id)):
        with pytest.raises(Missing):
            await store.blocks.add(*pair)
    assert await store.blocks.list(ann.id) == []


@pytest.mark.gen_test
async def test_there_is_a_bound_on_whom_one_user_blocks(store: Store, fill: StoreFiller) -> None:
    ann, *others = await asyncio.gather(*(fill.user() for _ in range(BLOCKS_MAX + 2)))
    for start in range(0, BLOCKS_MAX, 50):
        await asyncio.gather(*(store.blocks.add(ann.id, one.id) for one in others[start : start + 50]))
    with pytest.raises(Refused) as refused:
        await store.blocks.add(ann.id, others[BLOCKS_MAX].id)
    assert refused.value.refusal is Refusal.CONFLICT
    await store.blocks.add(ann.id, others[0].id)
    await store.blocks.remove(ann.id, others[0].id)
    await store.blocks.add(ann.id, others[BLOCKS_MAX].id)
    assert len(await store.blocks.list(ann.id)) == BLOCKS_MAX


@pytest.mark.gen_test
async def test_who_is_blocked_opens_no_direct_room_with_who_blocked_them(store: Store, fill: StoreFiller) -> None:
    ann, bob, cleo = [await fill.user() for _ in range(3)]
    existing, _ = await store.rooms.direct(cleo.id, ann.id)
    for blocked in (bob, cleo):
        await store.blocks.add(ann.id, blocked.id)
    with pytest.raises(Refused) as refused:
        await store.rooms.direct(bob.id, ann.id)
    assert refused.value.refusal is Refusal.FORBIDDEN
    assert await store.rooms.joined_by(bob.id) == {}
    again, made = await store.rooms.direct(cleo.id, ann.id)
    assert (again.room.id, made) == (existing.room.id, False)
    _, made = await store.rooms.direct(ann.id, bob.id)
    assert made


@on_each_backend
@pytest.mark.gen_test
async def test_blocks_of_one_person_at_once_are_one(store: Store, fill: StoreFiller) -> None:
    ann, bob = await fill.user(), await fill.user()
    await asyncio.gather(*(store.blocks.add(ann.id, bob.id) for _ in range(10)))
    assert await store.blocks.list(ann.id) == [bob]
