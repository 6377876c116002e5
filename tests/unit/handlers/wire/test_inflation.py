"""Inflating within a budget: a bomb is refused, a stranger has less, and past the total the next one waits in its
order.
"""

from __future__ import annotations

import asyncio
import tracemalloc

import pytest

from handlers.wire.compression import STRANGERS_MAX_BYTES, Inflation
from handlers.wire.server_frames import WireError
from tests.support.frames import deflated

KB = b"x" * 1024


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


@pytest.mark.parametrize(
    ("sent", "is_stranger", "code"),
    [
        (deflated(b" " * 65_537), False, 1009),
        (deflated(b" " * (STRANGERS_MAX_BYTES + 1)), True, 1009),
        (deflated(b"\xff\xfe"), False, 1007),
        (b"\xff\xff\xff\xff", False, 1007),
    ],
)
@pytest.mark.gen_test
async def test_what_is_too_big_or_no_text_is_refused_and_holds_nothing(
    sent: bytes, is_stranger: bool, code: int
) -> None:
    inflation = Inflation(max_message_bytes=65_536)
    with pytest.raises(WireError) as failure:
        await inflation.text(sent, is_stranger=is_stranger)
    assert failure.value.code == code
    assert inflation.held_bytes == 0


@pytest.mark.gen_test
async def test_at_its_limit_a_message_is_read_a_strangers_too() -> None:
    inflation = Inflation(max_message_bytes=65_536)
    assert await inflation.text(deflated(b" " * 65_536), is_stranger=False) == b" " * 65_536
    assert await inflation.text(deflated(b" " * STRANGERS_MAX_BYTES), is_stranger=True) == b" " * STRANGERS_MAX_BYTES
    assert inflation.held_bytes == 65_536 + STRANGERS_MAX_BYTES


@pytest.mark.gen_test
async def test_a_bomb_is_refused_at_the_limit_without_being_inflated() -> None:
    bomb = deflated(b"\0" * 30_000_000)
    inflation = Inflation(max_message_bytes=70_000)
    tracemalloc.start()
    try:
        with pytest.raises(WireError):
            await inflation.text(bomb, is_stranger=False)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 2_000_000, peak


@pytest.mark.gen_test
async def test_past_the_total_the_next_waits_and_they_come_in_their_order() -> None:
    inflation = Inflation(max_message_bytes=1024, max_total_bytes=4096)
    done: list[int] = []

    async def one(number: int) -> None:
        await inflation.text(deflated(KB), is_stranger=False)
        done.append(number)

    tasks = [asyncio.ensure_future(one(number)) for number in range(12)]
    for count in range(4, 12):
        await settle()
        assert done == list(range(count))
        assert inflation.held_bytes == 4096
        inflation.release(1024)
    await asyncio.gather(*tasks)
    assert done == list(range(12))


@pytest.mark.gen_test
async def test_who_gives_up_while_waiting_keeps_nobody_waiting() -> None:
    inflation = Inflation(max_message_bytes=1024, max_total_bytes=1024)
    await inflation.text(deflated(KB), is_stranger=False)
    waiting = [asyncio.ensure_future(inflation.text(deflated(KB), is_stranger=False)) for _ in range(3)]
    await settle()
    waiting[1].cancel()  # it waits
    inflation.release(1024)
    waiting[0].cancel()  # its turn has come, and it does not know yet
    await settle()
    assert [task.cancelled() for task in waiting[:2]] == [True, True]
    assert await asyncio.wait_for(waiting[2], 30) == KB
    assert inflation.held_bytes == 1024


@pytest.mark.gen_test
async def test_small_messages_share_the_total_by_their_size() -> None:
    inflation = Inflation(max_message_bytes=1024, max_total_bytes=4096)
    for _ in range(30):
        await asyncio.wait_for(inflation.text(deflated(b"x" * 100), is_stranger=False), 30)
    assert inflation.held_bytes == 3000
