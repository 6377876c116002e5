"""The slots of a person's connections, kept in Redis: whatever becomes of a connection, of a process or of Redis, none
stays taken.
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

from chat.connections.session import QUEUE_MAX
from store.sqlite.connection import DATABASE_NAME
from tests.integration.conftest import Processes, Start, StoreEnv, also_at, await_redis
from tests.support.client import PASSWORD, Chat, Person, call, chat, register
from tests.support.frames import CLOSE, TEXT, client_frame, close_payload
from tests.support.raw_websocket_client import RawSocket
from tests.support.redis_proxy_thread import Network, network_to
from tests.support.redis_server import RedisServer, running
from tests.support.server import ServerProcess, serving
from tests.support.waiting import poll, until

# Only admission asks Redis, and waits
UNHURRIED = {"RATE_LIMIT_ENABLED": "false", "CACHE_ENABLED": "false", "REDIS_TIMEOUT": "60000"}


@pytest.fixture(scope="module")
def store_env() -> StoreEnv:
    """What is tested here is between a process and Redis.

    A store that a test holds up is waited for as long as it takes.
    """
    return lambda data_dir: {"STORE_TIMEOUT": "60000"}


def taken(redis: RedisServer, person: Person) -> set[str]:
    """The connections for which Redis holds a slot of the person's."""
    return {
        line
        for line in redis.ask("HKEYS", f"chat:1:seats:{person.id}").decode().split("\r\n")
        if line and line[0] not in "*$"
    }


async def free(redis: RedisServer, person: Person) -> None:
    await until(lambda: not taken(redis, person))


async def five(stack: AsyncExitStack, server: ServerProcess, person: Person) -> list[Chat]:
    connections = [await stack.enter_async_context(chat(server.ws_url, person)) for _ in range(5)]
    for one in connections:
        await one.one("welcome")
    return connections


@asynccontextmanager
async def ways(
    server: ServerProcess, person: Person, way: str, replaces: str | None = None, *, close_within_s: float = 10
) -> AsyncIterator[Chat]:
    """A connection that gives its token in one of the ways there are."""
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
        one = Chat(connection)
        one.start()
        if way == "first frame":
            await one.send(json.dumps({"event": "authenticate", "id": "first", "data": {"token": token}}))
        try:
            yield one
        finally:
            await one.end()


WAYS = pytest.mark.parametrize("way", ["header", "subprotocol", "query", "first frame"])
SHARED = pytest.mark.parametrize("shared", [False, True], ids=["alone", "with redis"])


@pytest.fixture
def chosen(request: pytest.FixtureRequest, shared: bool) -> ServerProcess:
    """One alone, or one of two with Redis."""
    if shared:
        two: Processes = request.getfixturevalue("two")
        return two[0]
    server: ServerProcess = request.getfixturevalue("server")
    return server


# ---- replaces --------------------------------------------------------------------------------------------------------


@WAYS
@SHARED
@pytest.mark.gen_test
async def test_replaces_counts_with_every_way_of_giving_the_token(
    chosen: ServerProcess, shared_redis: RedisServer, way: str, shared: bool
) -> None:
    server = chosen
    ada = register(server.url)
    async with AsyncExitStack() as stack:
        connections = await five(stack, server, ada)
        first = (await connections[0].one("welcome"))["connectionId"]
        replacing = await stack.enter_async_context(ways(server, ada, way, first))
        assert await connections[0].closed() == 4409
        await replacing.command("heartbeat")
        sixth = await stack.enter_async_context(ways(server, ada, way))
        assert await sixth.closed() == 4429
        await replacing.command("heartbeat")
        if shared:
            own = {(await one.one("welcome"))["connectionId"] for one in (*connections[1:], replacing)}
            await until(lambda: taken(shared_redis, ada) == own)


@WAYS
@pytest.mark.gen_test
async def test_nobody_replaces_a_connection_of_somebody_else(server: ServerProcess, way: str) -> None:
    ada, eve = register(server.url), register(server.url)
    async with chat(server.ws_url, ada) as a, ways(server, eve, way, (await a.one("welcome"))["connectionId"]) as e:
        await e.command("heartbeat")
        await a.command("heartbeat")


@WAYS
@pytest.mark.gen_test
async def test_a_slot_of_a_process_that_was_killed_is_free_at_once_for_who_replaces_its_connection(
    two: Processes, shared_redis: RedisServer, way: str
) -> None:
    first, second = two
    ada = register(first.url)
    async with AsyncExitStack() as stack:
        await five(stack, first, ada)
        lost = sorted(taken(shared_redis, ada))
        assert len(lost) == 5
        first.kill()
        for connection_id in lost:
            one = await stack.enter_async_context(ways(second, also_at(ada, second), way, connection_id))
            await one.command("heartbeat")
            await until(lambda connection_id=connection_id: connection_id not in taken(shared_redis, ada))
        sixth = await stack.enter_async_context(chat(second.ws_url, ada))
        assert await sixth.closed() == 4429


# ---- whatever ends a connection --------------------------------------------------------------------------------------


@WAYS
@pytest.mark.gen_test
async def test_who_leaves_and_who_is_refused_takes_no_slot(two: Processes, shared_redis: RedisServer, way: str) -> None:
    server, _ = two
    ada = register(server.url)
    for _ in range(2):
        async with AsyncExitStack() as stack:
            for _ in range(5):
                await (await stack.enter_async_context(ways(server, ada, way))).command("heartbeat")
            for _ in range(3):
                sixth = await stack.enter_async_context(ways(server, ada, way))
                assert await sixth.closed() == 4429
            assert len(taken(shared_redis, ada)) == 5
        await free(shared_redis, ada)


@pytest.mark.gen_test
async def test_who_is_cut_revoked_or_drained_leaves_no_slot(two: Processes, shared_redis: RedisServer) -> None:
    server, _ = two
    ada = register(server.url)
    with RawSocket(server.port, token=ada.access_token) as cut:
        cut.read_message()
        assert len(taken(shared_redis, ada)) == 1
        cut.reset()
    await free(shared_redis, ada)
    async with AsyncExitStack() as stack:
        connections = await five(stack, server, ada)
        assert ada.call("POST", "/auth/logout").status == 204
        assert [await one.closed() for one in connections] == [4403] * 5
    await free(shared_redis, ada)
    bob = register(server.url)
    async with AsyncExitStack() as stack:
        connections = await five(stack, server, bob)
        await asyncio.to_thread(server.terminate)
        assert [await one.closed() for one in connections] == [1012] * 5
    assert taken(shared_redis, bob) == set()


def frame(name: str, **data: object) -> bytes:
    return client_frame(TEXT, json.dumps({"event": name, "id": name, "data": data}).encode())


def goodbye(raw: RawSocket, before: bytes) -> None:
    raw.socket.sendall(before + client_frame(CLOSE, close_payload(1000)))


def end_of_sending(raw: RawSocket, before: bytes) -> None:
    raw.socket.sendall(before)
    raw.socket.shutdown(socket.SHUT_WR)


def is_let_in(server: ServerProcess, token: str) -> bool:
    with RawSocket(server.port, token=token) as one:
        return one.read_message() is not None


@SHARED
@pytest.mark.parametrize(
    ("first", "count", "end"),
    [
        ("heartbeat", 1, goodbye),
        ("heartbeat", 1, end_of_sending),
        ("heartbeat", QUEUE_MAX + 8, goodbye),  # it lies behind what the queue has no room for
        ("authenticate", 1, goodbye),
        ("authenticate", 1, end_of_sending),
    ],
)
def test_who_said_goodbye_takes_no_slot_while_what_they_left_is_carried_out(
    chosen: ServerProcess,
    shared_redis: RedisServer,
    first: str,
    count: int,
    end: Callable[[RawSocket, bytes], None],
    shared: bool,
) -> None:
    """`authenticate`: who they are, what they want and their goodbye come in one write."""
    server = chosen
    ada = register(server.url)
    said = {"token": ada.access_token} if first == "authenticate" else {}
    bye = frame(first, **said) + count * frame("sendMessage", roomId=ada.make_room()["id"], content="bye")
    with ExitStack() as stack:
        token = None if said else ada.access_token
        connections = [stack.enter_context(RawSocket(server.port, token=token)) for _ in range(5)]
        for one in connections:
            assert one.read_message() is not None
        database = stack.enter_context(closing(apsw.Connection(str(server.data_dir / DATABASE_NAME))))
        database.set_busy_timeout(10_000)
        database.execute("BEGIN IMMEDIATE")  # the store is held up
        for one in connections:
            end(one, bye)
        for one in connections:
            answer = one.read_message()
            assert answer is not None and answer["id"] == first
        assert is_let_in(server, ada.access_token)
        assert select.select([one.socket for one in connections], [], [], 0)[0] == [], "neither answered nor ended"
        database.execute("ROLLBACK")
    if shared:
        poll(lambda: not taken(shared_redis, ada))


@SHARED
def test_who_was_told_to_go_takes_no_slot_though_they_do_not_go(chosen: ServerProcess) -> None:
    server = chosen
    ada = register(server.url)
    with ExitStack() as stack:
        connections = [stack.enter_context(RawSocket(server.port, token=ada.access_token)) for _ in range(5)]
        for one in connections:
            assert one.read_message() is not None
        again = call(server.url, "POST", "/auth/login", {"username": ada.username, "password": PASSWORD}).json[
            "accessToken"
        ]
        assert not is_let_in(server, again)
        assert ada.call("POST", "/auth/logout").status == 204
        for one in connections:
            while one.read_message() is not None:
                pass
            assert one.close_code == 4403
        assert is_let_in(server, again)


# ---- during admission ------------------------------------------------------------------------------------------------


class Held:
    """A server whose Redis, reached through a network, stands still from the moment at which it is asked for somebody's
    slots.

    Not before: a process has one batch of commands under way, so that a pulse or a beat which is not answered would
    hold up the asking.
    """

    def __init__(self, server: ServerProcess, redis: RedisServer, network: Network) -> None:
        self.server = server
        self.redis = redis
        self._network = network

    def stop_at(self, person: Person) -> None:
        self._network.hold_from(f":seats:{person.id}".encode())

    async def is_asked(self) -> None:
        """Wait until the server waits for an answer about the person's slots."""
        await until(lambda: self._network.holds)

    def release(self) -> None:
        self._network.release()

    def make_well(self) -> None:
        self._network.mend()
        if not self.server.is_running:
            self.server.start()
        await_redis(self.server)


@pytest.fixture(scope="module")
def shared_held(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Held]:
    folder = tmp_path_factory.mktemp("held")
    with ExitStack() as stack:
        redis = stack.enter_context(running(folder / "redis"))
        network = stack.enter_context(network_to(redis.port))
        yield Held(stack.enter_context(serving(folder / "data", {**network.env, **UNHURRIED})), redis, network)


@pytest.fixture
def held(shared_held: Held) -> Held:
    """The one that tests share, well, whatever the test before has done to it."""
    shared_held.make_well()
    return shared_held


@WAYS
@pytest.mark.gen_test
async def test_a_revocation_that_comes_during_admission_closes_it_and_leaves_no_slot(held: Held, way: str) -> None:
    ada = await asyncio.to_thread(register, held.server.url)
    held.stop_at(ada)

    async def admission() -> int | None:
        async with ways(held.server, ada, way) as one:
            return await one.closed()

    admitted = asyncio.ensure_future(admission())
    await held.is_asked()
    assert (await asyncio.to_thread(ada.call, "POST", "/auth/logout")).status == 204
    held.release()
    assert await admitted in (4401, 4403)
    await free(held.redis, ada)


@pytest.mark.parametrize("way", ["header", "first frame"])
@pytest.mark.gen_test
async def test_who_goes_during_admission_leaves_no_slot(held: Held, way: str) -> None:
    ada = await asyncio.to_thread(register, held.server.url)
    held.stop_at(ada)

    async def admission() -> None:
        async with ways(held.server, ada, way, close_within_s=1) as one:  # a goodbye would not be answered
            await one.closed()

    admitted = asyncio.ensure_future(admission())
    await held.is_asked()
    admitted.cancel()
    with pytest.raises(asyncio.CancelledError):
        await admitted
    held.release()
    async with chat(held.server.ws_url, ada) as again:
        own = {(await again.one("welcome"))["connectionId"]}
        await until(lambda: taken(held.redis, ada) == own)


@pytest.mark.gen_test
async def test_who_is_admitted_while_the_process_drains_is_turned_away_and_leaves_no_slot(held: Held) -> None:
    ada, bob = [await asyncio.to_thread(register, held.server.url) for _ in range(2)]
    async with chat(held.server.ws_url, bob) as b:
        await b.one("welcome")
        held.stop_at(ada)

        async def admission() -> int | None:
            try:
                async with chat(held.server.ws_url, ada) as one:
                    return await one.closed()
            except InvalidStatus as refused:
                return refused.response.status_code
            except ConnectionClosed:
                return None

        admitted = asyncio.ensure_future(admission())
        await held.is_asked()
        ended = asyncio.get_running_loop().run_in_executor(None, held.server.terminate)
        assert await b.closed() == 1012
        held.release()
        assert await admitted == 503
        assert await ended == 0
    assert taken(held.redis, ada) == set()


# ---- Redis -----------------------------------------------------------------------------------------------------------


@pytest.mark.gen_test
async def test_who_leaves_while_redis_is_away_leaves_no_slot_once_it_is_back(start: Start, redis: RedisServer) -> None:
    server = start(**redis.env, REDIS_TIMEOUT="1000")
    await asyncio.to_thread(await_redis, server)
    ada, bob = register(server.url), register(server.url)
    async with AsyncExitStack() as staying:
        stays = await staying.enter_async_context(chat(server.ws_url, bob))
        own = {(await stays.one("welcome"))["connectionId"]}
        async with AsyncExitStack() as stack:
            await five(stack, server, ada)
            assert len(taken(redis, ada)) == 5
            redis.pause()
            await until(lambda: call(server.url, "GET", "/health/cache").status == 503)
        redis.resume()
        await free(redis, ada)
        assert taken(redis, bob) == own
        await five(staying, server, ada)


@pytest.mark.parametrize("fault", ["flushed", "restarted"])
@pytest.mark.gen_test
async def test_what_redis_forgot_is_taken_again_and_the_cap_holds(
    two: Processes, shared_redis: RedisServer, fault: str
) -> None:
    server, _ = two
    ada = register(server.url)
    async with AsyncExitStack() as stack:
        connections = await five(stack, server, ada)
        own = taken(shared_redis, ada)
        assert len(own) == 5
        if fault == "flushed":
            shared_redis.ask("FLUSHALL")
        else:
            await asyncio.to_thread(shared_redis.restart)
        await until(lambda: taken(shared_redis, ada) == own)
        await connections[0].end()
        await until(lambda: len(taken(shared_redis, ada)) == 4)
        await (await stack.enter_async_context(chat(server.ws_url, ada))).one("welcome")
        sixth = await stack.enter_async_context(chat(server.ws_url, ada))
        assert await sixth.closed() == 4429
