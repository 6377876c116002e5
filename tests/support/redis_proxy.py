"""A TCP proxy between a process and its Redis, whose connections a test can hold, cut half-open, drop and refuse."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack

from cluster.redis_connection import RedisClient, RedisOptions, Script
from tests.support.waiting import until_on_loop as until

PATIENT_S = 30.0  # for tests that are not about timeouts
TIMEOUT_S = 1.0  # for those that are
LATE_S = 20.0  # added to bounds on waits: other processes use the same cores


def options_for(port: int, **changed: object) -> RedisOptions:
    """Options for a Redis or a proxy on this loopback port."""
    given = {"host": "127.0.0.1", "port": port, "password": None, "db": 0, "url": None, "timeout_s": PATIENT_S}
    return RedisOptions(**{**given, **changed})


async def client_at(
    stack: AsyncExitStack,
    port: int,
    *,
    scripts: tuple[Script, ...] = (),
    on_up: Sequence[Callable[[], object]] = (),
    on_down: Sequence[Callable[[], object]] = (),
    **changed: object,
) -> RedisClient:
    """A started client, closed at the end of the test."""
    client = RedisClient(options=options_for(port, **changed), scripts=scripts)
    stack.push_async_callback(client.close)
    await client.start(on_up=on_up, on_down=on_down)
    return client


async def until_noticed_gone(client: RedisClient) -> None:
    """Send commands until the client notices that its connection is lost: an unused connection is not checked."""

    def is_down() -> bool:
        client.send("PING")
        return not client.is_up

    await until(is_down)


async def elapsed_s(work: Awaitable[object]) -> float:
    """How many seconds an awaitable takes."""
    started_s = time.monotonic()
    await work
    return time.monotonic() - started_s


class _ProxiedConnection:
    """One connection through the proxy: its two sockets' writers, and what the proxy knows of it."""

    def __init__(self, client_writer: asyncio.StreamWriter, redis_writer: asyncio.StreamWriter) -> None:
        self.client_writer = client_writer
        self.redis_writer = redis_writer
        self.is_dead = False
        self.subscribes = False

    def close(self) -> None:
        self.client_writer.close()
        self.redis_writer.close()


class RedisProxy:
    """Passes data between a process and its Redis, except for the faults that a test sets.

    `sent_to_redis` has each chunk that was read from the process.
    """

    def __init__(self, target: int) -> None:
        self.target = target  # the port of new connections
        self._passes = asyncio.Event()
        self._passes.set()
        self._replies_pass = asyncio.Event()
        self._replies_pass.set()
        self._holds_from: bytes | None = None
        self._connections: set[_ProxiedConnection] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._is_away = False
        self.publish_delay_s = 0.0  # the least delay of published messages, in seconds
        self.read_max_bytes = 1 << 16  # bytes of one read
        self.accepted = 0
        self.sent_to_redis: list[bytes] = []
        self.port = 0

    async def start(self) -> RedisProxy:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def close(self) -> None:
        self._server.close()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._server.wait_closed()

    @property
    def connection_count(self) -> int:
        """How many connections are open."""
        return len(self._connections)

    def hold(self) -> None:
        """Keep all connections, accept new ones, and pass no data in either direction until `release`."""
        self._passes.clear()

    def hold_at(self, data: bytes) -> None:
        """Call `hold` when a process sends this."""
        self._holds_from = data

    @property
    def is_holding(self) -> bool:
        return not self._passes.is_set()

    def hold_replies(self) -> None:
        """Pass on what the process sends, and nothing that Redis answers, until `release`."""
        self._replies_pass.clear()

    def release(self) -> None:
        self._passes.set()
        self._replies_pass.set()

    def cut_half_open(self) -> None:
        """Keep the connections but discard all data on them from now on; neither side is notified.

        New connections work.
        """
        for connection in self._connections:
            connection.is_dead = True

    def drop(self) -> None:
        """Close all connections. New ones work."""
        for connection in self._connections:
            connection.close()

    def go_away(self) -> None:
        """Close all connections, and every new one at once, until `come_back`."""
        self._is_away = True
        self.drop()

    def come_back(self) -> None:
        self._is_away = False

    async def _accept(self, client_reader: asyncio.StreamReader, client_writer: asyncio.StreamWriter) -> None:
        self.accepted += 1
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            if not self._is_away:
                await self._serve(client_reader, client_writer)
        except (OSError, asyncio.CancelledError):
            pass  # one side has closed, or the proxy is closed: the connection ends
        finally:
            self._tasks.discard(task)
            client_writer.close()

    async def _serve(self, client_reader: asyncio.StreamReader, client_writer: asyncio.StreamWriter) -> None:
        redis_reader, redis_writer = await asyncio.open_connection("127.0.0.1", self.target)
        connection = _ProxiedConnection(client_writer, redis_writer)
        self._connections.add(connection)
        pumps = [
            asyncio.create_task(self._pump(connection, client_reader, redis_writer, self.sent_to_redis.append)),
            asyncio.create_task(
                self._pump(connection, redis_reader, client_writer, lambda data: None, from_redis=True)
            ),
        ]
        try:
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._connections.discard(connection)
            connection.close()
            for pump in pumps:
                pump.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)

    async def _pump(
        self,
        connection: _ProxiedConnection,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        record: Callable[[bytes], object],
        *,
        from_redis: bool = False,
    ) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(self.read_max_bytes):
                record(data)
                if self._holds_from is not None and not from_redis and self._holds_from in data:
                    self._holds_from = None
                    self.hold()
                connection.subscribes = connection.subscribes or b"SUBSCRIBE" in data
                if from_redis and connection.subscribes and self.publish_delay_s:
                    await asyncio.sleep(self.publish_delay_s)  # the fault
                await self._passes.wait()
                if from_redis:
                    await self._replies_pass.wait()
                if not connection.is_dead:
                    writer.write(data)
                    await writer.drain()


async def proxy_to(stack: AsyncExitStack, port: int) -> RedisProxy:
    """A proxy to a Redis, closed at the end of the test."""
    proxy = await RedisProxy(port).start()
    stack.push_async_callback(proxy.close)
    return proxy
