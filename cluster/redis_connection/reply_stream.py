"""What is read from and written to an established connection, without a task: replies are passed on in the loop turn in
which they arrive.

The driver connects (addresses, TLS, password, database); then this protocol takes the transport over. Read by the
driver, each reply cost three turns of the loop, and a deadline of its own.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from hiredis import HiredisError, Reader, pack_command
from redis.asyncio.connection import AbstractConnection

Part = str | bytes | int | float

_NOTHING = object()
pack: Callable[[tuple[Part, ...]], bytes] = pack_command  # type: ignore[assignment]  # its stub takes tuples of one


class ReplyError(Exception):
    """Redis answered with an error; passed on as a reply."""


class ReplyStream(asyncio.Protocol):
    """Passes each reply to `receive`: bytes, int, list, None or ReplyError.

    `ended` raises when the connection has ended, or should end because `receive` raised or `end` was called. Nothing is
    received after that.
    """

    def __init__(self, connection: AbstractConnection, receive: Callable[[Any], None]) -> None:
        self._receive = receive
        self._reader = Reader(replyError=ReplyError, notEnoughData=_NOTHING)
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        writer = connection._writer
        if writer is None:
            raise ConnectionError("the connection has ended")
        self._transport = writer.transport
        self._transport.set_protocol(self)

    def write(self, commands: bytes) -> None:
        """Send packed commands; what the kernel does not take at once is sent later."""
        self._transport.write(commands)

    def data_received(self, data: bytes) -> None:
        try:
            self._reader.feed(data)
            while not self.ended.done() and (reply := self._reader.gets()) is not _NOTHING:
                self._receive(reply)
        except HiredisError as error:
            self.end(ConnectionError(f"this is not Redis: {error}"))
        except Exception as error:
            self.end(error)

    def connection_lost(self, exc: Exception | None) -> None:
        self.end(exc or ConnectionError("Redis closed the connection"))

    def end(self, error: Exception) -> None:
        """Make `ended` raise this, unless it has ended already."""
        if not self.ended.done():
            self.ended.set_exception(error)

    def close(self) -> None:
        """Receive nothing more, and drop what the kernel has not taken: a stalled Redis would keep it in memory, and
        execute it after what the next connection brings. The connection itself is the driver's to close.
        """
        self._transport.abort()
        if not self.ended.done():
            self.ended.cancel()
        elif not self.ended.cancelled():
            self.ended.exception()  # marks it as retrieved
