"""The slots of a user's connections in Redis: whatever happens to a connection, a process or Redis, no slot stays
taken.
"""

from __future__ import annotations

import asyncio
import json
import select
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, closing

import apsw
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from chat.connections.command_queue import QUEUE_MAX
from store.sqlite.connection import DATABASE_NAME
from tests.integration.conftest import Processes, Start, StoreEnv, until_redis_is_connected
from tests.support.client import PASSWORD, ChatConnection, Person, call, chat, person_at, register
from tests.support.frames import CLOSE, TEXT, client_frame, close_payload
from tests.support.raw_websocket_client import RawWebSocket
from tests.support.redis_proxy_thread import RedisProxyThread, proxy_thread_to
from tests.support.redis_server import RedisServer, running_redis
from tests.support.server import ServerProcess, serving
from tests.support.waiting import poll, until

# Only admission sends commands to Redis and waits for replies
UNHURRIED = {"RATE_LIMIT_ENABLED": "false", "CACHE_ENABLED": "false", "REDIS_TIMEOUT": "60000"}


@pytest.fixture(scope="module")
def store_env() -> StoreEnv:
    """The embedded store, with a deadline of 60 s: a test that locks the store must not meet it."""
    return lambda data_dir: {"STORE_TIMEOUT": "60000"}


def slots_in_redis(redis: RedisServer, person: Person) -> set[str]:
    """The ids of the user's connections that have a slot in Redis."""
    return {
        line
        for line in redis.ask("HKEYS", f"chat:1:seats:{person.id}").decode().split("\r\n")
        if line and line[0] not in "*$"
    }


async def until_no_slot_is_taken(redis: RedisServer, person: Person) -> None:
    await until(lambda: not slots_in_redis(redis, person))


async def open_five(stack: AsyncExitStack, server: ServerProcess, person: Person) -> list[ChatConnection]:
    connections = [await stack.enter_async_context(chat(server.ws_url, person)) for _ in range(5)]
    for one in connections:
        await one.one("welcome")
    return connections


@asynccontextmanager
async def connected_by(
    server: ServerProcess, person: Person, way: str, replaces: str | None = None, *, close_within_s: float = 10
) -> AsyncIterator[ChatConnection]:
    """A connection that sends its token by `way`: header, subprotocol, query or first frame."""
    token = person.access_token
    query = [f"token={token}"] * (way == "query") + [f"replaces={replaces}"] * (replaces is not None)
    url = server.ws_url + ("?" + "&".join(query) if query else "")
    headers = {"Authorization": f"Bearer {token}"} if way == "header" else {}
    subprotocols = ["chat.v1", f"bearer.{token}"] if way == "subprotocol" else None
    own = {
        "additional_headers": headers,
        "subprotocols": subprotocols,
        "ping_interval": None,
        "close_timeout": close_within_s,
    }
    async with connect(url, **own) as connection:  # type: ignore[arg-type]
        one = ChatConnection(connection)
        one.start()
        if way == "first frame":
            await one.send(json.dumps({"event": "authenticate", "id": "first", "data": {"token": token}}))
        try:
            yield one
        finally:
            await one.end()


TOKEN_TRANSPORTS = pytest.mark.parametrize("way", ["header", "subprotocol", "query", "first frame"])
SHARED = pytest.mark.parametrize("shared", [False, True], ids=["alone", "with redis"])


@pytest.fixture
def server_under_test(request: pytest.FixtureRequest, shared: bool) -> ServerProcess:
    """A process without Redis, or the first of two that share one."""
    if shared:
        two_servers: Processes = request.getfixturevalue("two_servers")
        return two_servers[0]
    server: ServerProcess = request.getfixturevalue("server")
    return server


# ---- replaces --------------------------------------------------------------------------------------------------------


@TOKEN_TRANSPORTS
@SHARED
@pytest.mark.gen_test
async def test_replaces_counts_with_every_way_of_giving_the_token(
    server_under_test: ServerProcess, shared_redis: RedisServer, way: str, shared: bool
) -> None:
    server = server_under_test
    ada = register(server.url)
    async with AsyncExitStack() as stack:
        connections = await open_five(stack, server, ada)
        first = (await connections[0].one("welcome"))["connectionId"]
        replacing = await stack.enter_async_context(connected_by(server, ada, way, first))
        assert await connections[0].closed() == 4409
        await replacing.command("heartbeat")
        sixth = await stack.enter_async_context(connected_by(server, ada, way))
        assert await sixth.closed() == 4429
        await replacing.command("heartbeat")
        if shared:
            own = {(await one.one("welcome"))["connectionId"] for one in (*connections[1:], replacing)}
            await until(lambda: slots_in_redis(shared_redis, ada) == own)


@TOKEN_TRANSPORTS
@pytest.mark.gen_test
async def test_nobody_replaces_a_connection_of_somebody_else(server: ServerProcess, way: str) -> None:
    ada, eve = register(server.url), register(server.url)
    async with (
        chat(server.ws_url, ada) as a,
        connected_by(server, eve, way, (await a.one("welcome"))["connectionId"]) as e,
    ):
        await e.command("heartbeat")
        await a.command("heartbeat")


@TOKEN_TRANSPORTS
@pytest.mark.gen_test
async def test_a_slot_of_a_process_that_was_killed_is_free_at_once_for_who_replaces_its_connection(
    two_servers: Processes, shared_redis: RedisServer, way: str
) -> None:
    first, second = two_servers
    ada = register(first.url)
    async with AsyncExitStack() as stack:
        await open_five(stack, first, ada)
        lost = sorted(slots_in_redis(shared_redis, ada))
        assert len(lost) == 5
        first.kill()
        for connection_id in lost:
            one = await stack.enter_async_context(connected_by(second, person_at(ada, second), way, connection_id))
            await one.command("heartbeat")
            await until(lambda connection_id=connection_id: connection_id not in slots_in_redis(shared_redis, ada))
        sixth = await stack.enter_async_context(chat(second.ws_url, ada))
        assert await sixth.closed() == 4429


# ---- whatever ends a connection --------------------------------------------------------------------------------------


@TOKEN_TRANSPORTS
@pytest.mark.gen_test
async def test_who_leaves_and_who_is_refused_takes_no_slot(
    two_servers: Processes, shared_redis: RedisServer, way: str
) -> None:
    server, _ = two_servers
    ada = register(server.url)
    for _ in range(2):
        async with AsyncExitStack() as stack:
            for _ in range(5):
                await (await stack.enter_async_context(connected_by(server, ada, way))).command("heartbeat")
            for _ in range(3):
                sixth = await stack.enter_async_context(connected_by(server, ada, way))
                assert await sixth.closed() == 4429
            assert len(slots_in_redis(shared_redis, ada)) == 5
        await until_no_slot_is_taken(shared_redis, ada)


@pytest.mark.gen_test
async def test_who_is_cut_revoked_or_drained_leaves_no_slot(two_servers: Processes, shared_redis: RedisServer) -> None:
    server, _ = two_servers
    ada = register(server.url)
    with RawWebSocket(server.port, token=ada.access_token) as cut:
        cut.read_message()
        assert len(slots_in_redis(shared_redis, ada)) == 1
        cut.reset()
    await until_no_slot_is_taken(shared_redis, ada)
    async with AsyncExitStack() as stack:
        connections = await open_five(stack, server, ada)
        assert ada.call("POST", "/auth/logout").status == 204
        assert [await one.closed() for one in connections] == [4403] * 5
    await until_no_slot_is_taken(shared_redis, ada)
    bob = register(server.url)
    async with AsyncExitStack() as stack:
        connections = await open_five(stack, server, bob)
        await asyncio.to_thread(server.terminate)
        assert [await one.closed() for one in connections] == [1012] * 5
    await until_no_slot_is_taken(shared_redis, bob)


def frame(name: str, **data: object) -> bytes:
    return client_frame(TEXT, json.dumps({"event": name, "id": name, "data": data}).encode())


def send_close(raw: RawWebSocket, before: bytes) -> None:
    raw.socket.sendall(before + client_frame(CLOSE, close_payload(1000)))


def shut_down_sending(raw: RawWebSocket, before: bytes) -> None:
    raw.socket.sendall(before)
    raw.socket.shutdown(socket.SHUT_WR)


def is_admitted(server: ServerProcess, token: str) -> bool:
    with RawWebSocket(server.port, token=token) as one:
        return one.read_message() is not None


@SHARED
@pytest.mark.parametrize(
    ("first", "count", "end"),
    [
        ("heartbeat", 1, send_close),
        ("heartbeat", 1, shut_down_sending),
        ("heartbeat", QUEUE_MAX + 8, send_close),  # the Close is behind more commands than the queue holds
        ("authenticate", 1, send_close),
        ("authenticate", 1, shut_down_sending),
    ],
)
def test_who_said_goodbye_takes_no_slot_while_what_they_left_is_carried_out(
    server_under_test: ServerProcess,
    shared_redis: RedisServer,
    first: str,
    count: int,
    end: Callable[[RawWebSocket, bytes], None],
    shared: bool,
) -> None:
    """`authenticate`: the token, the commands and the Close frame are sent in one write."""
    server = server_under_test
    ada = register(server.url)
    said = {"token": ada.access_token} if first == "authenticate" else {}
    bye = frame(first, **said) + count * frame("sendMessage", roomId=ada.make_room()["id"], content="bye")
    with ExitStack() as stack:
        token = None if said else ada.access_token
        connections = [stack.enter_context(RawWebSocket(server.port, token=token)) for _ in range(5)]
        for one in connections:
            assert one.read_message() is not None
        database = stack.enter_context(closing(apsw.Connection(str(server.data_dir / DATABASE_NAME))))
        database.set_busy_timeout(10_000)
        database.execute("BEGIN IMMEDIATE")  # writes to the store wait
        for one in connections:
            end(one, bye)
        for one in connections:
            answer = one.read_message()
            assert answer is not None and answer["id"] == first
        assert is_admitted(server, ada.access_token)
        assert select.select([one.socket for one in connections], [], [], 0)[0] == [], "neither answered nor ended"
        database.execute("ROLLBACK")
    if shared:
        poll(lambda: not slots_in_redis(shared_redis, ada))


@SHARED
def test_who_was_told_to_go_takes_no_slot_though_they_do_not_go(server_under_test: ServerProcess) -> None:
    server = server_under_test
    ada = register(server.url)
    with ExitStack() as stack:
        connections = [stack.enter_context(RawWebSocket(server.port, token=ada.access_token)) for _ in range(5)]
        for one in connections:
            assert one.read_message() is not None
        again = call(server.url, "POST", "/auth/login", {"username": ada.username, "password": PASSWORD}).json[
            "accessToken"
        ]
        assert not is_admitted(server, again)
        assert ada.call("POST", "/auth/logout").status == 204
        for one in connections:
            while one.read_message() is not None:
                pass
            assert one.close_code == 4403
        assert is_admitted(server, again)


# ---- during admission ------------------------------------------------------------------------------------------------


class ServerWithHeldRedis:
    """A server behind a proxy to Redis that stops passing data on when the server asks for a chosen user's slots.

    It does not stop earlier: a process has one batch of commands under way, so an unanswered heartbeat would delay the
    question about the slots.
    """

    def __init__(self, server: ServerProcess, redis: RedisServer, proxy: RedisProxyThread) -> None:
        self.server = server
        self.redis = redis
        self._proxy = proxy

    def hold_at_admission_of(self, person: Person) -> None:
        self._proxy.hold_at(f":seats:{person.id}".encode())

    async def until_admission_waits(self) -> None:
        """Wait until the server has asked Redis for the user's slots."""
        await until(lambda: self._proxy.is_holding)

    def release(self) -> None:
        self._proxy.release()

    def restore(self) -> None:
        self._proxy.restore()
        if not self.server.is_running:
            self.server.start()
        until_redis_is_connected(self.server)


@pytest.fixture(scope="module")
def shared_held_redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerWithHeldRedis]:
    folder = tmp_path_factory.mktemp("held")
    with ExitStack() as stack:
        redis = stack.enter_context(running_redis(folder / "redis"))
        proxy = stack.enter_context(proxy_thread_to(redis.port))
        yield ServerWithHeldRedis(
            stack.enter_context(serving(folder / "data", {**proxy.env, **UNHURRIED})), redis, proxy
        )


@pytest.fixture
def held_redis(shared_held_redis: ServerWithHeldRedis) -> ServerWithHeldRedis:
    """The module's server with a working proxy, whatever the previous test did to either."""
    shared_held_redis.restore()
    return shared_held_redis


@TOKEN_TRANSPORTS
@pytest.mark.gen_test
async def test_a_revocation_that_comes_during_admission_closes_it_and_leaves_no_slot(
    held_redis: ServerWithHeldRedis, way: str
) -> None:
    ada = await asyncio.to_thread(register, held_redis.server.url)
    held_redis.hold_at_admission_of(ada)

    async def admission() -> int | None:
        async with connected_by(held_redis.server, ada, way) as one:
            return await one.closed()

    admitted = asyncio.ensure_future(admission())
    await held_redis.until_admission_waits()
    assert (await asyncio.to_thread(ada.call, "POST", "/auth/logout")).status == 204
    held_redis.release()
    assert await admitted in (4401, 4403)
    await until_no_slot_is_taken(held_redis.redis, ada)


@pytest.mark.parametrize("way", ["header", "first frame"])
@pytest.mark.gen_test
async def test_who_goes_during_admission_leaves_no_slot(held_redis: ServerWithHeldRedis, way: str) -> None:
    ada = await asyncio.to_thread(register, held_redis.server.url)
    held_redis.hold_at_admission_of(ada)

    async def admission() -> None:
        async with connected_by(held_redis.server, ada, way, close_within_s=1) as one:  # a Close would not be answered
            await one.closed()

    admitted = asyncio.ensure_future(admission())
    await held_redis.until_admission_waits()
    admitted.cancel()
    with pytest.raises(asyncio.CancelledError):
        await admitted
    held_redis.release()
    async with chat(held_redis.server.ws_url, ada) as again:
        own = {(await again.one("welcome"))["connectionId"]}
        await until(lambda: slots_in_redis(held_redis.redis, ada) == own)


@pytest.mark.gen_test
async def test_who_is_admitted_while_the_process_drains_is_turned_away_and_leaves_no_slot(
    held_redis: ServerWithHeldRedis,
) -> None:
    ada, bob = [await asyncio.to_thread(register, held_redis.server.url) for _ in range(2)]
    async with chat(held_redis.server.ws_url, bob) as b:
        await b.one("welcome")
        held_redis.hold_at_admission_of(ada)

        async def admission() -> int | None:
            try:
                async with chat(held_redis.server.ws_url, ada) as one:
                    return await one.closed()
            except InvalidStatus as refused:
                return refused.response.status_code
            except ConnectionClosed:
                return None

        admitted = asyncio.ensure_future(admission())
        await held_redis.until_admission_waits()
        ended = asyncio.get_running_loop().run_in_executor(None, held_redis.server.terminate)
        assert await b.closed() == 1012
        held_redis.release()
        assert await admitted == 503
        assert await ended == 0
    await until_no_slot_is_taken(held_redis.redis, ada)


# ---- Redis -----------------------------------------------------------------------------------------------------------


@pytest.mark.gen_test
async def test_who_leaves_while_redis_is_away_leaves_no_slot_once_it_is_back(start: Start, redis: RedisServer) -> None:
    server = start(**redis.env, REDIS_TIMEOUT="1000")
    await asyncio.to_thread(until_redis_is_connected, server)
    ada, bob = register(server.url), register(server.url)
    async with AsyncExitStack() as staying:
        stays = await staying.enter_async_context(chat(server.ws_url, bob))
        own = {(await stays.one("welcome"))["connectionId"]}
        async with AsyncExitStack() as stack:
            await open_five(stack, server, ada)
            assert len(slots_in_redis(redis, ada)) == 5
            redis.pause()
            await until(lambda: call(server.url, "GET", "/health/cache").status == 503)
        redis.resume()
        await until_no_slot_is_taken(redis, ada)
        assert slots_in_redis(redis, bob) == own
        await open_five(staying, server, ada)


@pytest.mark.parametrize("fault", ["flushed", "restarted"])
@pytest.mark.gen_test
async def test_what_redis_forgot_is_taken_again_and_the_cap_holds(
    two_servers: Processes, shared_redis: RedisServer, fault: str
) -> None:
    server, _ = two_servers
    ada = register(server.url)
    async with AsyncExitStack() as stack:
        connections = await open_five(stack, server, ada)
        own = slots_in_redis(shared_redis, ada)
        assert len(own) == 5
        if fault == "flushed":
            shared_redis.ask("FLUSHALL")
        else:
            await asyncio.to_thread(shared_redis.restart)
        await until(lambda: slots_in_redis(shared_redis, ada) == own)
        await connections[0].end()
        await until(lambda: len(slots_in_redis(shared_redis, ada)) == 4)
        await (await stack.enter_async_context(chat(server.ws_url, ada))).one("welcome")
        sixth = await stack.enter_async_context(chat(server.ws_url, ada))
        assert await sixth.closed() == 4429
