"""The walk through the table finds what lies in different slices of it."""

from __future__ import annotations

import pytest

from store.sqlite import own_messages
from tests.unit.store.conftest import StoreWithRoom


@pytest.mark.parametrize(("rows", "messages"), [(1, 1), (3, 2), (3, 3), (5, 100), (100, 4)])
@pytest.mark.gen_test
async def test_every_message_comes_once_in_order(
    room_store: StoreWithRoom, monkeypatch: pytest.MonkeyPatch, rows: int, messages: int
) -> None:
    monkeypatch.setattr(own_messages, "ROWS_A_READ", rows)
    monkeypatch.setattr(own_messages, "MESSAGES_A_READ", messages)
    for number in range(11):
        await room_store.say(f"number {number}")
    slices = [found async for found in room_store.store.messages.by_author(room_store.ann.id)]
    assert [message.seq for found in slices for message in found] == list(range(1, 12))
    assert max(map(len, slices)) <= min(rows, messages)
