"""Receives the messages of Redis channels, on a connection of its own."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any

from redis.asyncio.connection import AbstractConnection

from cluster.redis_connection import redis_bounds
from cluster.redis_connection.options import RedisOptions
from cluster.redis_connection.reconnecting_connection import ReconnectingConnection
from cluster.redis_connection.reply_stream import ReplyError, ReplyStream, pack


class RedisListener(ReconnectingConnection):
    """Receives what is published to the subscribed channels; subscriptions outlive a connection.

    `receive(channel, payload)` is called on the loop and must not raise. Each second `pulse` publishes to
    `pulse_channel`; a connection that receives nothing for 3 s counts as dead. `on_back` is called each time all
    subscriptions are confirmed on a new connection.
    """

    def __init__(
        self,
        *,
        options: RedisOptions,
        pulse_channel: str,
        pulse: Callable[[str, bytes], bool],
        receive: Callable[[str, bytes], None],
        on_back: Callable[[], None],
    ) -> None:
        super().__init__(options=options, what="bus")
        self._pulse_channel = pulse_channel
        self._pulse = pulse
        self._receive = receive
        self._on_back = on_back
        self._loop = asyncio.get_running_loop()
        self._wanted: dict[str, None] = {}
        self._to_send: list[tuple[str, str]] = []
        self._waiters: dict[str, deque[asyncio.Future[None]]] = {}
        self._stream: ReplyStream | None = None
        self._last_received_at = 0.0
        self._last_echo_sent_at = 0.0  # when the newest received pulse was sent
        self.is_up = False
        self.stands = False  # whether every subscription is confirmed

    async def subscribe(self, channel: str) -> None:
        """Subscribe. Returns when Redis has confirmed it, or after the timeout. A later connection subscribes again."""
        self._wanted[channel] = None
        if not self.is_up:
            return
        confirmed = self._ask("SUBSCRIBE", channel)
        # `_watch_pulse` detects a dead connection.
        await asyncio.wait((confirmed,), timeout=self._options.timeout_s)

    def unsubscribe(self, channel: str) -> None:
        self._wanted.pop(channel, None)
        if self.is_up:
            self._send("UNSUBSCRIBE", channel)

    def _ask(self, command: str, channel: str) -> asyncio.Future[None]:
        future: asyncio.Future[None] = self._loop.create_future()
        self._waiters.setdefault(channel, deque()).append(future)
        self._send(command, channel)
        return future

    def _send(self, command: str, channel: str) -> None:
        """Send a command; those of one loop turn go in one write."""
        if not self._to_send:
            self._loop.call_soon(self._write_commands)
        self._to_send.append((command, channel))

    def _write_commands(self) -> None:
        commands, self._to_send = self._to_send, []
        if self._stream is not None:
            self._stream.write(b"".join(map(pack, commands)))

    async def _use(self, connection: AbstractConnection) -> None:
        self._last_received_at = self._loop.time()
        self._to_send.clear()
        self._wanted[self._pulse_channel] = None
        self._stream = stream = ReplyStream(connection, self._take)
        self.is_up = True  # from now on `subscribe` sends its command
        standing = asyncio.gather(*[self._ask("SUBSCRIBE", channel) for channel in self._wanted])
        watching = asyncio.create_task(self._watch_pulse(standing))
        try:
            await asyncio.wait((watching, stream.ended), return_when=asyncio.FIRST_COMPLETED)
            await (watching if watching.done() else stream.ended)
        finally:
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)

    async def _watch_pulse(self, standing: Awaitable[object]) -> None:
        """Report when the subscriptions are confirmed, then check each second that pulses come back.

        Raises TimeoutError when the connection counts as dead.
        """
        async with asyncio.timeout(redis_bounds.SILENT_MAX_S):
            await standing
        self.stands = True
        self._log_state(True)
        self._on_back()
        self._tried.set()
        self._last_echo_sent_at = self._loop.time()
        while True:
            slept_at = self._loop.time()
            if not self._pulse(self._pulse_channel, b"%.3f" % slept_at):
                self._last_echo_sent_at = slept_at  # the pulse was not sent, so its absence shows nothing
            await asyncio.sleep(redis_bounds.PULSE_EVERY_S)
            # Time in which our own loop was blocked does not count as silence
            stood_s = self._loop.time() - slept_at - redis_bounds.PULSE_EVERY_S
            self._last_received_at += stood_s
            self._last_echo_sent_at += stood_s
            if self._loop.time() - self._last_received_at > redis_bounds.SILENT_MAX_S:
                raise TimeoutError("no pulse")
            if self._loop.time() - self._last_echo_sent_at > redis_bounds.LATE_MAX_S:
                raise TimeoutError("what is heard is late")

    def _take(self, message: Any) -> None:
        self._last_received_at = self._loop.time()
        if isinstance(message, ReplyError):
            raise ConnectionError(str(message))
        kind, channel, payload = message
        if kind == b"message":
            name = channel.decode()
            if name != self._pulse_channel:
                self._receive(name, payload)
            else:
                self._take_echo(payload)
        elif kind == b"subscribe":
            waiting = self._waiters.get(channel.decode())
            if waiting:
                future = waiting.popleft()
                if not waiting:
                    del self._waiters[channel.decode()]
                if not future.done():
                    future.set_result(None)

    def _take_echo(self, payload: bytes) -> None:
        with contextlib.suppress(ValueError):  # any client of this Redis may publish to the channel
            self._last_echo_sent_at = max(self._last_echo_sent_at, min(float(payload), self._loop.time()))

    def _on_end(self) -> None:
        self.stands = self.is_up = False
        if self._stream is not None:
            self._stream.close()
            self._stream = None
        waiters, self._waiters = self._waiters, {}
        for waiting in waiters.values():
            for future in waiting:
                if not future.done():
                    future.set_result(None)
