"""Repeats what may be repeated until the server answers for good: over reconnects, refusals for a time, and limits."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import TypeVar

from .backoff import Retries
from .connection import Connection
from .errors import ChatError, SessionEnded

T = TypeVar("T")

log = logging.getLogger("chat_rooms.client")


async def until_answered(connection: Connection, work: Callable[[], Awaitable[T]], *, what: str) -> T:
    """What `work` returns once it is not refused for a time. `work` must be harmless to repeat.

    Raises what the contract calls final, SessionEnded included. It has no bound in time: put asyncio.timeout around it.
    """
    retries = Retries()
    while True:
        await connection.until_online()
        number = connection.number
        try:
            return await work()
        except SessionEnded:
            raise
        except ChatError as error:
            if not error.retryable:
                raise
            if connection.number != number or not connection.is_online:
                continue  # lost: at once on the next connection, whose own delay has passed then
            delay_s = retries.next_delay_s(error.retry_after_s)
            log.info("%s: %s; again in %.1f s", what, error, delay_s)
            await asyncio.sleep(delay_s)
