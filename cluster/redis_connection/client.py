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

from cluster.redis_connection import redis_bounds
from cluster.redis_connection.deadline import Deadline
from cluster.redis_connection.errors import RedisGone, RedisRefused
from cluster.redis_connection.options import RedisOptions
from cluster.redis_connection.reconnecting_connection import ReconnectingConnection, notify_all
from cluster.redis_connection.reply_stream import Part, ReplyError, ReplyStream, pack


class Script:
    """A Lua script in a file, called by its SHA-1 digest."""

    def __init__(self, path: Path) -> None:
        self.text = path.read_bytes()
        self.sha = hashlib.sha1(self.text, usedforsecurity=False).hexdigest()


class _Call:
    """One command. `future` is None if no caller waits for its reply."""

    __slots__ = ("accepted_s", "future", "packed")

    def __init__(self, packed: bytes, future: asyncio.Future[Any] | None, accepted_s: float) -> None:
        self.packed = packed
        self.future = future
        self.accepted_s = accepted_s

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
        self._stream: ReplyStream | None = None
        self._deadline = Deadline(
            oldest_s=lambda: self._in_flight[0].accepted_s if self._in_flight else None,
            timeout_s=options.timeout_s,
            on_overdue=lambda: self._give_up("no answer in time"),
        )
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

    def _accept(self, parts: tuple[Part, ...], future: asyncio.Future[Any] | None) -> bool:
        if not self.is_up:
            return False
        if len(self._waiting) >= redis_bounds.WAITING_MAX or self._waiting_bytes >= redis_bounds.WAITING_MAX_BYTES:
            # The dropped command may have been an invalidation, so the connection is ended as if it had been lost.
            self._give_up("too many commands wait")
            return False
        call = _Call(pack(parts), future, self._loop.time())
        if not self._waiting and not self._in_flight:
            self._loop.call_soon(self._write_batch)
        self._waiting.append(call)
        self._waiting_bytes += len(call.packed)
        return True

    async def _use(self, connection: AbstractConnection) -> None:
        async with asyncio.timeout(redis_bounds.CONNECT_WITHIN_S):
            for script in self._scripts:
                await connection.send_command("SCRIPT", "LOAD", script.text, check_health=False)
                await connection.read_response()
        self._stream = ReplyStream(connection, self._settle)
        self.is_up = True
        self._log_state(True)
        for callback in self._on_up:
            callback()
        self._tried.set()
        await self._stream.ended

    def _write_batch(self) -> None:
        """Send the waiting commands, if none is under way."""
        if self._stream is None or self._in_flight or not self._waiting:
            return
        for _ in range(min(len(self._waiting), redis_bounds.BATCH_MAX)):
            call = self._waiting.popleft()
            self._waiting_bytes -= len(call.packed)
            self._in_flight.append(call)
        self._stream.write(b"".join([call.packed for call in self._in_flight]))
        self._deadline.watch()

    def _settle(self, reply: Any) -> None:
        """Take the reply to the oldest command under way."""
        if not self._in_flight:
            raise ConnectionError("Redis answered what was not asked")
        call = self._in_flight[0]
        if isinstance(reply, ReplyError):
            if str(reply).startswith("NOSCRIPT"):
                if call.future is None:
                    raise ConnectionError(str(reply))  # an invalidation that did not happen is as a lost connection
                self._reload_scripts()
            reply = RedisRefused(str(reply))
        self._in_flight.popleft()
        call.settle(reply)
        if not self._in_flight and self._waiting:
            # After those who were waiting for these replies: what they ask next goes with the rest
            self._loop.call_soon(self._write_batch)

    def _give_up(self, reason: str) -> None:
        if self._stream is not None:
            self._stream.end(TimeoutError(reason))

    def _reload_scripts(self) -> None:
        """Load the scripts again: the server no longer has them (SCRIPT FLUSH, or a restart)."""
        for script in self._scripts:
            self.send("SCRIPT", "LOAD", script.text)

    def _on_end(self) -> None:
        was_up, self.is_up = self.is_up, False
        self._deadline.cancel()
        if self._stream is not None:
            self._stream.close()
            self._stream = None
        lost = [*self._in_flight, *self._waiting]
        self._in_flight.clear()
        self._waiting.clear()
        self._waiting_bytes = 0
        for call in lost:
            call.settle(RedisGone("the connection was lost"))
        if was_up:
            notify_all(self._on_down)
