"""The images of a user take turns, and keep nobody else waiting."""

from __future__ import annotations

import asyncio

import pytest

from chat.image_turns import ImageTurns

pytestmark = pytest.mark.gen_test


async def taken(turns: ImageTurns, user_id: str, order: list[str], until: asyncio.Event) -> None:
    async with turns.of(user_id):
        order.append(user_id)
        await until.wait()


async def test_one_image_of_each_user_has_its_turn() -> None:
    turns, order, until = ImageTurns(), list[str](), asyncio.Event()
    tasks = [asyncio.create_task(taken(turns, user_id, order, until)) for user_id in ("ann", "ann", "bob", "ann")]
    await asyncio.sleep(0)
    assert order == ["ann", "bob"]
    until.set()
    await asyncio.gather(*tasks)
    assert order == ["ann", "bob", "ann", "ann"]


async def test_a_turn_that_does_not_come_is_given_up_and_harms_no_other() -> None:
    turns, order, until = ImageTurns(wait_max_s=0.01), list[str](), asyncio.Event()
    first = asyncio.create_task(taken(turns, "ann", order, until))
    await asyncio.sleep(0)
    with pytest.raises(TimeoutError):
        await taken(turns, "ann", order, until)
    cancelled = asyncio.create_task(taken(turns, "ann", order, until))
    await asyncio.sleep(0)
    cancelled.cancel()
    until.set()
    await first
    await taken(turns, "ann", order, until)
    assert order == ["ann", "ann"]
