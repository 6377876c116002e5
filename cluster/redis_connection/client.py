"""Commands to Redis. Commands of one loop turn, and those that arrive while a batch is under way, share one write."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from redis.asyncio.connection import AbstractConnection
from redis.exceptions import NoScriptError, ResponseError

from cluster.redis_connection import redis_bounds
from cluster.redis_connection.deadline import Deadline
from cluster.redis_connection.errors import RedisGone, RedisRefused
from cluster.redis_connection.options import RedisOptions
from cluster.redis_connection.reconnecting_connection import ReconnectingConnection, notify_all

Part = str | bytes | int | float


class Script:
    """A Lua script in a file, called by its SHA-1 digest."""

    def __init__(self, path: Path) -> None:
        self.text = path.read_bytes()
        self.sha = hashlib.sha1(self.text, usedforsecurity=False).hexdigest()


class _Call:
    """One command. `future` is None if no caller waits for its reply."""

    __slots__ = ("accepted_s", "future", "parts", "size")

    def __init__(self, parts: Sequence[Part], future: asyncio.Future[Any] | None, accepted_s: float) -> None:
        self.parts = parts
        self.future = future
        self.accepted_s = accepted_s
        self.size = sum(len(part) for part in parts if isinstance(part, str | bytes))

    def settle(self, reply: Any) -> None:
        if self.future is None or self.future.done():
            return
        if isinstance(reply, Exception):
            self.future.set_exception(reply)
        else:
            self.future.set_result(reply)


class RedisClient(ReconnectingConnection):
    """Commands and their replies. Each call ends within the options' timeout, at the latest with RedisGone.

    Without a connection, and beyond the bounds of redis_bounds.py, calls fail at once.
    """

    def __init__(self, *, options: RedisOptions, scripts: Sequence[Script] = ()) -> None:
        super().__init__(options=options, what="commands")
        self._scripts = scripts
        self._loop = asyncio.get_running_loop()
        self._waiting: deque[_Call] = deque()
        self._in_flight: deque[_Call] = deque()
        self._waiting_bytes = 0
        self._wake = asyncio.Event()
        self._limit: asyncio.Timeout | None = None
        self._overflowed = False
        self.is_up = False
        self._on_up: Sequence[Callable[[], object]] = ()
        self._on_down: Sequence[Callable[[], object]] = ()

    async def start(
        self, *, on_up: Sequence[Callable[[], object]] = (), on_down: Sequence[Callable[[], None]] = ()
    ) -> None:
        """Connect. Returns when connected or after the first failed try; further tries follow in the background.

        `on_up` are called each time a connection is established: the commands that they send are the first on it.
        `on_down` are called each time an established connection has ended.
        """
        self._on_up, self._on_down = on_up, on_down
        await self.connect()

    async def close(self) -> None:
        """Wait up to `FLUSH_WITHIN_S` until Redis has executed all commands so far, and end the connection for good.

        The last commands of a process free the slots of its connections and announce its stop, and nobody waits for
        their replies.
        """
        with contextlib.suppress(RedisGone, RedisRefused, TimeoutError):
            async with asyncio.timeout(redis_bounds.FLUSH_WITHIN_S):
                await self.call("PING")  # Redis executes commands in their order
        await super().close()

    def call(self, *parts: Part) -> asyncio.Future[Any]:
        """Send a command. The future gets its reply (bytes, int, list, None) or raises RedisGone, RedisRefused.

        Raises RedisGone if the command cannot be queued.
        """
        future: asyncio.Future[Any] = self._loop.create_future()
        if not self._accept(parts, future):
            raise RedisGone("not connected")
        return future

    def send(self, *parts: Part) -> bool:
        """Send a command without waiting for its reply; False if it was not queued."""
        return self._accept(parts, None)

    async def run(self, script: Script, keys: Sequence[str], args: Sequence[Part] = ()) -> Any:
        """Run a script. Raises RedisGone, RedisRefused."""
        try:
            return await self.call("EVALSHA", script.sha, len(keys), *keys, *args)
        except RedisRefused as error:
            if not str(error).startswith("NOSCRIPT"):
                raise
            return await self.call("EVAL", script.text, len(keys), *keys, *args)

    def _accept(self, parts: Sequence[Part], future: asyncio.Future[Any] | None) -> bool:
        if not self.is_up:
            return False
        if len(self._waiting) >= redis_bounds.WAITING_MAX or self._waiting_bytes >= redis_bounds.WAITING_MAX_BYTES:
            # The dropped command may have been an invalidation, so the connection is ended as if it had been lost.
            self._overflowed = True
            if self._limit is not None and not self._limit.expired():  # an expired timeout cannot be rescheduled
                self._limit.reschedule(self._loop.time())
            return False
        call = _Call(parts, future, self._loop.time())
        self._waiting.append(call)
        self._waiting_bytes += call.size
        self._wake.set()
        return True

    async def _use(self, connection: AbstractConnection) -> None:
        async with asyncio.timeout(redis_bounds.CONNECT_WITHIN_S):
            for script in self._scripts:
                await connection.send_command("SCRIPT", "LOAD", script.text, check_health=False)
                await connection.read_response()
        self.is_up = True
        self._log_state(True)
        for callback in self._on_up:
            callback()
        self._tried.set()
        while True:
            if not self._waiting:
                self._wake.clear()
                await self._wake.wait()
            if self._overflowed:
                raise TimeoutError("too many commands wait")
            for _ in range(min(len(self._waiting), redis_bounds.BATCH_MAX)):
                call = self._waiting.popleft()
                self._waiting_bytes -= call.size
                self._in_flight.append(call)
            async with asyncio.timeout(None) as limit:
                self._limit = limit
                deadline = Deadline(limit, self._in_flight[0].accepted_s, self._options.timeout_s)
                try:
                    await self._exchange(connection)
                finally:
                    self._limit = None
                    deadline.cancel()

    async def _exchange(self, connection: AbstractConnection) -> None:
        in_flight = self._in_flight
        await connection.send_packed_command(
            connection.pack_commands([call.parts for call in in_flight]), check_health=False
        )
        while in_flight:
            try:
                reply = await connection.read_response(disable_decoding=True)
            except NoScriptError as error:
                call = in_flight[0]
                if call.future is None:
                    raise  # an invalidation that did not happen is treated as a lost connection
                self._reload_scripts()
                reply = RedisRefused(f"NOSCRIPT {error}")
            except ResponseError as error:
                reply = RedisRefused(str(error))
            in_flight.popleft().settle(reply)

    def _reload_scripts(self) -> None:
        """Load the scripts again: the server no longer has them (SCRIPT FLUSH, or a restart)."""
        for script in self._scripts:
            self.send("SCRIPT", "LOAD", script.text)

    def _on_end(self) -> None:
        was_up, self.is_up = self.is_up, False
        self._overflowed = False
        lost = [*self._in_flight, *self._waiting]
        self._in_flight.clear()
        self._waiting.clear()
        self._waiting_bytes = 0
        for call in lost:
            call.settle(RedisGone("the connection was lost"))
        if was_up:
            notify_all(self._on_down)
