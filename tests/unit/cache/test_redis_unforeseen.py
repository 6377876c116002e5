"""The connection to Redis under more faults than Redis's own: callers that go on past the bounds, and unexpected
errors.
"""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

import pytest

from cluster.redis_connection import RedisClient, RedisGone
from cluster.redis_connection.deadline import Deadline
from cluster.redis_connection.redis_bounds import WAITING_MAX, WAITING_MAX_BYTES
from tests.support.redis_proxy import client_at, options_for, proxy_to, until, until_noticed_gone
from tests.support.redis_server import RedisServer

pytestmark = pytest.mark.gen_test

BACK_WITHIN_S = 30.0


async def test_past_its_bound_every_call_is_told_that_redis_is_gone_until_the_connection_is_dropped(
    stack: AsyncExitStack, own_redis: RedisServer
) -> None:
    lost: list[str] = []
    client = await client_at(stack, own_redis.port, on_down=[lambda: lost.append("down")], timeout_s=60)
    own_redis.pause()
    assert client.send(
        "SET", "big", b"x" * (WAITING_MAX_BYTES - 1)
    )  # more than the kernel's buffers take, so it stays under way
    await asyncio.sleep(0)
    assert sum(client.send("PING") for _ in range(WAITING_MAX)) == WAITING_MAX
    assert not lost
    while not lost:
        for _ in range(2):  # the first gives the connection up, the second finds it given up and not dropped yet
            with pytest.raises(RedisGone):
                client.call("PING")
        await asyncio.sleep(0)


async def test_a_deadline_is_that_of_the_oldest_command_under_way() -> None:
    loop = asyncio.get_running_loop()
    overdue = asyncio.Event()
    oldest: list[float] = [loop.time()]
    deadline = Deadline(oldest_s=lambda: oldest[0] if oldest else None, timeout_s=0.2, on_overdue=overdue.set)
    deadline.watch()
    oldest[0] = second_s = loop.time() + 0.1  # the first was answered meanwhile
    await asyncio.wait_for(overdue.wait(), 30)
    assert loop.time() >= second_s + 0.2
    overdue.clear()
    oldest.clear()
    deadline.watch()
    deadline.cancel()
    assert not overdue.is_set()


class FaultyOptions:
    """Connection options whose `connection` fails until the test clears `is_faulty`."""

    def __init__(self, port: int) -> None:
        self._options = options_for(port)
        self.timeout_s = self._options.timeout_s
        self.is_faulty = True
        self.asked = 0

    def connection(self) -> object:
        self.asked += 1
        if self.is_faulty:
            raise LookupError("nobody foresaw this")
        return self._options.connection()


async def test_a_connection_that_cannot_even_be_made_is_told_of_once_and_tried_again(
    stack: AsyncExitStack, redis: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    client = RedisClient(options=(faulty_options := FaultyOptions(redis.port)))  # type: ignore[arg-type]
    stack.push_async_callback(client.close)
    async with asyncio.timeout(30):
        await client.start()
    assert not client.is_up
    await until(lambda: faulty_options.asked >= 3)
    assert caplog.text.count("Traceback") == 1
    faulty_options.is_faulty = False
    await until(lambda: client.is_up, BACK_WITHIN_S)


async def test_who_fails_to_be_told_that_redis_is_gone_keeps_nobody_from_being_told_and_it_is_found_again(
    stack: AsyncExitStack, redis: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    proxy = await proxy_to(stack, redis.port)
    notified: list[str] = []

    def fail() -> None:
        notified.append("first")
        raise LookupError("nobody foresaw this")

    client = await client_at(stack, proxy.port, on_down=[fail, lambda: notified.append("second")])
    for _ in range(2):
        proxy.drop()
        await until_noticed_gone(client)
        await until(lambda: client.is_up, BACK_WITHIN_S)
    assert notified == ["first", "second"] * 2
    assert caplog.text.count("LookupError: nobody foresaw this") == 2
