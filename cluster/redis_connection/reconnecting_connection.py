"""A connection to Redis that reconnects: one task connects again whenever the connection ends."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from collections.abc import Callable, Sequence

from redis.asyncio.connection import AbstractConnection
from redis.exceptions import AuthenticationError, RedisError

from cluster.redis_connection import redis_bounds
from cluster.redis_connection.options import RedisOptions
from common.backoff import longest_s

logger = logging.getLogger(__package__)


class ReconnectingConnection:
    """Owns the task that connects and reconnects. Each change of state is logged once."""

    def __init__(self, *, options: RedisOptions, what: str) -> None:
        self._options = options
        self._what = what
        self._reconnecting: asyncio.Task[None] | None = None
        self._tried = asyncio.Event()
        self._was_up: bool | None = None

    async def connect(self) -> None:
        """Connect. Returns when connected or after the first failed try; further tries follow in the background."""
        self._reconnecting = asyncio.create_task(self._run())
        await self._tried.wait()

    async def close(self) -> None:
        """End the connection for good. Idempotent."""
        if self._reconnecting is not None:
            self._reconnecting.cancel()
            await asyncio.gather(self._reconnecting, return_exceptions=True)
            self._reconnecting = None

    async def _run(self) -> None:
        failures = 0
        while True:
            connection: AbstractConnection | None = None
            try:
                connection = self._options.connection()
                await self._open(connection)
                failures = 0
                await self._use(connection)
            except (RedisError, OSError, TimeoutError) as error:
                failures += 1
                self._log_state(False, error)
            except Exception as error:  # a defect, or a peer that is not Redis: the task must continue
                failures += 1
                if self._was_up is not False:
                    logger.exception("the connection to redis failed unexpectedly")
                self._log_state(False, error)
            finally:
                await self._release(connection)
            self._tried.set()
            most_s = longest_s(failures, first_s=2 * redis_bounds.RETRY_MIN_S, most_s=redis_bounds.RETRY_MAX_S)
            await asyncio.sleep(random.uniform(redis_bounds.RETRY_MIN_S, most_s))

    async def _release(self, connection: AbstractConnection | None) -> None:
        """Close the connection. Raises no Exception, because that would end the reconnecting task."""
        try:
            try:
                self._on_end()
            finally:
                if connection is not None:
                    await disconnect(connection)
        except Exception:
            logger.exception("the end of a connection to redis failed unexpectedly")

    async def _open(self, connection: AbstractConnection) -> None:
        async with asyncio.timeout(redis_bounds.CONNECT_WITHIN_S):
            await connection.connect()  # type: ignore[no-untyped-call]
            # The kernel accepts for a stopped server (SIGSTOP), which then never answers
            await connection.send_command("PING", check_health=False)
            await connection.read_response()

    async def _use(self, connection: AbstractConnection) -> None:
        """Use the connection until it fails."""
        raise NotImplementedError

    def _on_end(self) -> None:
        """Called when the connection has ended."""
        raise NotImplementedError

    def _log_state(self, is_up: bool, error: BaseException | None = None) -> None:
        if is_up is self._was_up:
            return
        self._was_up = is_up
        if is_up:
            logger.info("redis", extra={"fields": {"connection": self._what, "is": "connected"}})
        else:
            fields = {"connection": self._what, "is": "gone", "reason": reason_of(error)}
            logger.warning("redis", extra={"fields": fields})


def notify_all(listeners: Sequence[Callable[[], object]]) -> None:
    """Call each listener; an exception of one is logged and does not stop the others."""
    for callback in listeners:
        try:
            callback()
        except Exception:
            logger.exception("the end of a connection to redis was not taken note of")


async def disconnect(connection: AbstractConnection) -> None:
    """Close a connection without waiting. Raises nothing."""
    with contextlib.suppress(RedisError, OSError, TimeoutError):
        await connection.disconnect(nowait=True)


def reason_of(error: BaseException | None) -> str:
    """Return the error as one line. It contains no password: the driver's texts have host and port only."""
    if isinstance(error, AuthenticationError):
        return "the password is refused"
    return " ".join(str(error).split())[:200] or type(error).__name__
