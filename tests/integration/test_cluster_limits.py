"""Limits shared by several processes, REST and WebSocket, and what happens to them while Redis is away or its clock
jumps.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, ExitStack, contextmanager
from pathlib import Path

import pytest
from msgspec import Struct

from tests.integration.conftest import (
    JWT,
    LONG_REDIS_TIMEOUT,
    TWO_SERVERS_ENV,
    Processes,
    embedded_store,
    restore_all,
    start_two_processes,
)
from tests.support.client import CommandRefused, Person, call, chat, person_at, register
from tests.support.clock_jumps import FakeWallClock
from tests.support.redis_server import RedisServer, running_redis
from tests.support.server import serving
from tests.support.waiting import until

store_env = embedded_store  # what is tested here is before any store


class LimitedServers(Struct, frozen=True):
    """Two processes with low limits, and their Redis."""

    processes: Processes
    redis: RedisServer


@contextmanager
def serving_limited(folder: Path, **limits: str) -> Iterator[LimitedServers]:
    with running_redis(folder / "redis") as redis, ExitStack() as stack:
        yield LimitedServers(
            start_two_processes(stack, folder / "data", {**TWO_SERVERS_ENV, **redis.env, **limits}), redis
        )


@pytest.fixture(scope="module")
def shared_open(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LimitedServers]:
    limits = {"RATE_LIMIT_MESSAGES": "5/3600", "RATE_LIMIT_API": "200/3600"}
    with serving_limited(tmp_path_factory.mktemp("open"), **limits) as two_servers:
        yield two_servers


@pytest.fixture(scope="module")
def shared_closed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LimitedServers]:
    limits = {"RATE_LIMIT_MESSAGES": "100/60", "RATE_LIMIT_FAIL_CLOSED": "true", "WS_MAX_CONNECTIONS_PER_USER": "50"}
    with serving_limited(tmp_path_factory.mktemp("closed"), **limits) as two_servers:
        yield two_servers


@pytest.fixture
def fail_open(shared_open: LimitedServers) -> LimitedServers:
    """Two processes that count each for itself while Redis is away."""
    restore_all(shared_open.processes, shared_open.redis)
    return shared_open


@pytest.fixture
def fail_closed(shared_closed: LimitedServers) -> LimitedServers:
    """Two processes that admit nobody while Redis is away."""
    restore_all(shared_closed.processes, shared_closed.redis)
    return shared_closed


async def count_admitted(senders: list[Callable[[], Awaitable[bool]]], attempts: int) -> tuple[int, float]:
    """Make `attempts` requests through all senders at once. Returns how many were admitted, and the seconds it took."""
    numbers = itertools.count(1)
    admitted = 0
    began = time.monotonic()

    async def keep_trying(sender: Callable[[], Awaitable[bool]]) -> None:
        nonlocal admitted
        while next(numbers) <= attempts:
            passed = await sender()
            admitted += passed

    await asyncio.gather(*(keep_trying(sender) for sender in senders))
    return admitted, time.monotonic() - began


def rest_request(person: Person, method: str, path: str, body: object = None) -> Callable[[], Awaitable[bool]]:
    async def ask() -> bool:
        return (await asyncio.to_thread(person.call, method, path, body)).status < 400

    return ask


@pytest.mark.gen_test
async def test_messages_by_rest_and_websocket_over_two_processes_share_one_limit(fail_closed: LimitedServers) -> None:
    first, second = fail_closed.processes
    ada = register(first.url)
    also = person_at(ada, second)
    room = ada.make_room()["id"]
    message = {"roomId": room, "content": "x"}
    async with AsyncExitStack() as stack:
        sockets = [await stack.enter_async_context(chat(one.ws_url, ada)) for one in (first, second)]

        def by_socket(index: int) -> Callable[[], Awaitable[bool]]:
            opened = 0

            async def send() -> bool:
                nonlocal opened
                try:
                    await sockets[index].command("sendMessage", **message)
                except CommandRefused as refused:
                    assert refused.code == "rate_limited"
                    assert refused.data["retryAfter"] >= 1
                    opened += 1
                    if opened == 19:  # one more refusal in a row would close the connection
                        opened = 0
                        sockets[index] = await stack.enter_async_context(chat((first, second)[index].ws_url, ada))
                    return False
                opened = 0
                return True

            return send

        began = time.monotonic()
        senders = [
            by_socket(0),
            by_socket(1),
            rest_request(ada, "POST", "/messages", message),
            rest_request(also, "POST", "/messages", message),
        ]
        admitted, _ = await count_admitted(senders, 220)
        assert 100 <= admitted <= 100 + 100 / 60 * (time.monotonic() - began)
        refused = also.call("POST", "/messages", message)
        while refused.status != 429:
            refused = also.call("POST", "/messages", message)
        wait_s = int(refused.headers["retry-after"])
        refused_at = asked = time.monotonic()
        while ada.call("POST", "/messages", message).status == 429:
            assert asked - refused_at <= wait_s, "not later than was said"
            asked = time.monotonic()
    assert ada.call("GET", f"/rooms/{room}").json["room"]["lastSeq"] >= admitted


@pytest.mark.gen_test(timeout=600)
async def test_rest_requests_over_two_processes_share_one_limit(fail_open: LimitedServers) -> None:
    first, second = fail_open.processes
    ada = register(first.url)
    senders = [rest_request(one, "GET", "/auth/profile") for one in (ada, person_at(ada, second)) * 4]
    admitted, seconds = await count_admitted(senders, 260)
    assert 200 <= admitted <= 200 + 200 / 3_600 * (seconds + 1)
    assert any("retry-after" in ada.call("GET", "/auth/profile").headers for _ in range(3)), "one comes back each 18 s"


@pytest.mark.gen_test
async def test_without_redis_each_process_counts_alone_and_says_so(fail_open: LimitedServers) -> None:
    (first, second), redis = fail_open.processes, fail_open.redis
    logged = len(first.log())
    ada = register(first.url)
    room = ada.make_room()["id"]
    assert call(first.url, "GET", "/health/cache").json["checks"]["limits"]["status"] == "healthy"
    redis.stop()
    people = ada, person_at(ada, second)
    admitted = [
        sum(one.call("POST", "/messages", {"roomId": room, "content": "x"}).status == 201 for _ in range(8))
        for one in people
    ]
    assert admitted == [5, 5], "at most as many as there are processes times the limit"
    assert first.log()[logged:].count("counted=by this process alone") == 2, (
        "one line of each; they write to one file here"
    )
    redis.start()
    deadline = time.monotonic() + 30
    while call(first.url, "GET", "/health/cache").json["checks"].get("limits", {}).get("value") != "all processes":
        await asyncio.to_thread(ada.call, "POST", "/messages", {"roomId": room, "content": "x"})
        assert time.monotonic() < deadline


@pytest.mark.gen_test
async def test_fail_closed_answers_503_while_redis_is_gone(fail_closed: LimitedServers) -> None:
    (first, _), redis = fail_closed.processes, fail_closed.redis
    ada = register(first.url)
    room = ada.make_room()["id"]
    stored = ada.post(room, "x", clientId="c1")
    async with chat(first.ws_url, ada) as a:
        redis.stop()
        reply = ada.call("GET", "/auth/profile")
        assert (reply.status, reply.code, reply.headers["retry-after"]) == (503, "unavailable", "1")
        with pytest.raises(CommandRefused) as refused:
            await a.command("sendMessage", roomId=room, content="y")
        assert (refused.value.code, refused.value.data["retryable"]) == ("unavailable", True)
        again = await a.command("sendMessage", roomId=room, content="x", clientId="c1")
        assert (again["message"], again["duplicate"]) == (stored, True)
    assert call(first.url, "GET", "/health").status == 200


@pytest.mark.gen_test
async def test_the_sixth_connection_is_closed_wherever_it_lands_also_where_limits_are_off(
    start_two_servers: Callable[..., Processes],
) -> None:
    processes = start_two_servers(RATE_LIMIT_ENABLED="false")
    ada = register(processes[0].url)
    async with AsyncExitStack() as stack:
        for number in range(5):
            one = await stack.enter_async_context(chat(processes[number % 2].ws_url, ada))
            await one.one("welcome")
        for process in processes:
            sixth = await stack.enter_async_context(chat(process.ws_url, ada))
            assert await sixth.closed() == 4429


@pytest.mark.gen_test
async def test_no_jump_of_the_wall_clock_gives_or_takes_anything(tmp_path: Path, redis: RedisServer) -> None:
    """Of the server's machine; what Redis's own clock does is in tests/unit/limits, for its allocator does not run
    under libfaketime.
    """
    clock = FakeWallClock(tmp_path / "clock")
    limits = {"RATE_LIMIT_MESSAGES": "3/4", "RATE_LIMIT_API": "off", "JWT_EXPIRES_IN": "864000"}
    common = {**JWT, **clock.env, **limits, **LONG_REDIS_TIMEOUT}
    with serving(tmp_path / "alone", common) as alone, serving(tmp_path / "shared", {**common, **redis.env}) as shared:
        people = [(one, one.make_room()["id"]) for one in (register(alone.url), register(shared.url))]

        def post(person: Person, room: str) -> int:
            return person.call("POST", "/messages", {"roomId": room, "content": "x"}).status

        def admitted(person: Person, room: str) -> int:
            return sum(post(person, room) == 201 for _ in range(5))

        began = [time.monotonic() for _ in people]
        for one in people:
            assert admitted(*one) >= 3
        clock.move(-3_600)
        for since, one in zip(began, people, strict=True):
            assert admitted(*one) <= 3 / 4 * (time.monotonic() - since) + 1, "nothing is given for going back"
        for one in people:  # no client is locked out for an hour
            await until(lambda one=one: post(*one) == 201)
