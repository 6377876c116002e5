"""A TCP proxy between a process and its Redis, whose connections a test can hold, cut half-open, drop and refuse."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack

from cluster.redis_connection import RedisClient, RedisOptions, Script
from tests.support.waiting import until_on_loop as until

PATIENT_S = 30.0  # where a timeout is not the subject
TIMEOUT_S = 1.0  # where it is
LATE_S = 20.0  # by how much more than its bound a wait may take here, where others use the same cores


def options_for(port: int, **changed: object) -> RedisOptions:
    """Options for a Redis, or a proxy, at this port of this machine."""
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
    """A client that was started, and is closed at the test's end."""
    client = RedisClient(options=options_for(port, **changed), scripts=scripts)
    stack.push_async_callback(client.close)
    await client.start(on_up=on_up, on_down=on_down)
    return client


async def noticed_gone(client: RedisClient) -> None:
    """Speak on the connection until it is found lost; one that nobody uses is not looked at."""

    def spoken() -> bool:
        client.send("PING")
        return not client.is_up

    await until(spoken)


async def elapsed_s(work: Awaitable[object]) -> float:
    """How long something takes."""
    started_s = time.monotonic()
    await work
    return time.monotonic() - started_s


class _Line:
    """One connection through the proxy."""

    def __init__(self, near: asyncio.StreamWriter, far: asyncio.StreamWriter) -> None:
        self.near = near
        self.far = far
        self.is_dead = False
        self.listens = False

    def close(self) -> None:
        self.near.close()
        self.far.close()


class Proxy:
    """Passes on what a process and its Redis say to each other, unless told otherwise.

    `sent` has each read from the process's side.
    """

    def __init__(self, target: int) -> None:
        self._target = target
        self._flows = asyncio.Event()
        self._flows.set()
        self._stops_at: bytes | None = None
        self._lines: set[_Line] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._is_away = False
        self.news_late_s = 0.0  # how long what Redis publishes is on its way, at least
        self.largest = 1 << 16  # bytes that are passed on in one piece
        self.accepted = 0
        self.sent: list[bytes] = []
        self.port = 0

    async def start(self) -> Proxy:
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
    def lines(self) -> int:
        """How many connections there are."""
        return len(self._lines)

    def hold(self) -> None:
        """Keep all connections, take new ones, and pass nothing on, in either direction, until `release`."""
        self._flows.clear()

    def hold_from(self, words: bytes) -> None:
        """Do so from the moment at which a process says this."""
        self._stops_at = words

    @property
    def holds(self) -> bool:
        return not self._flows.is_set()

    def release(self) -> None:
        self._flows.set()

    def cut_half_open(self) -> None:
        """Keep the connections, and let what is said on them vanish from now on; neither side is told.

        New ones work.
        """
        for line in self._lines:
            line.is_dead = True

    def drop(self) -> None:
        """Close all connections; new ones work."""
        for line in self._lines:
            line.close()

    def go_away(self) -> None:
        """Close all connections, and each new one at once, until `come_back`."""
        self._is_away = True
        self.drop()

    def come_back(self) -> None:
        self._is_away = False

    async def _accept(self, near_reader: asyncio.StreamReader, near: asyncio.StreamWriter) -> None:
        self.accepted += 1
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            if not self._is_away:
                await self._serve(near_reader, near)
        except (OSError, asyncio.CancelledError):
            pass  # one side has gone, or the proxy is closed: the end of a connection either way
        finally:
            self._tasks.discard(task)
            near.close()

    async def _serve(self, near_reader: asyncio.StreamReader, near: asyncio.StreamWriter) -> None:
        far_reader, far = await asyncio.open_connection("127.0.0.1", self._target)
        line = _Line(near, far)
        self._lines.add(line)
        pumps = [
            asyncio.create_task(self._pump(line, near_reader, far, self.sent.append)),
            asyncio.create_task(self._pump(line, far_reader, near, lambda data: None, brings_news=True)),
        ]
        try:
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._lines.discard(line)
            line.close()
            for pump in pumps:
                pump.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)

    async def _pump(
        self,
        line: _Line,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        seen: Callable[[bytes], object],
        *,
        brings_news: bool = False,
    ) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(self.largest):
                seen(data)
                if self._stops_at is not None and not brings_news and self._stops_at in data:
                    self._stops_at = None
                    self.hold()
                line.listens = line.listens or b"SUBSCRIBE" in data
                if brings_news and line.listens and self.news_late_s:
                    await asyncio.sleep(self.news_late_s)  # the fault
                await self._flows.wait()
                if not line.is_dead:
                    writer.write(data)
                    await writer.drain()


async def proxy_to(stack: AsyncExitStack, port: int) -> Proxy:
    """A proxy to a Redis, for as long as the test."""
    proxy = await Proxy(port).start()
    stack.push_async_callback(proxy.close)
    return proxy
