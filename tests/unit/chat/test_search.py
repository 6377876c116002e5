"""Searches of people who are in very many rooms leave the loop to others."""

from __future__ import annotations

import asyncio

import pytest

from chat.search import name_forms


@pytest.mark.gen_test
async def test_the_names_of_many_rooms_are_folded_in_slices() -> None:
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    task = asyncio.create_task(others())
    names = {f"r{number}": f"T\u00e9a room {number}" for number in range(20_000)}
    forms = await name_forms(names)
    task.cancel()
    assert (len(forms), forms["r7"]) == (20_000, "tea room 7")
    assert turns >= 9
