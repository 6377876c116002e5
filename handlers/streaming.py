"""Replies that are sent in pieces: at the pace of their reader, and never cut short without a sign."""

from __future__ import annotations

import asyncio
from typing import Generic, TypeVar

from tornado.http1connection import HTTP1Connection

from handlers.base import Handler

READ_WITHIN_S = 30.0  # for the peer to take what was written: a reader that stops gives its place to others

S = TypeVar("S")


class StreamingHandler(Handler[S], Generic[S]):
    """A handler that sends its reply in pieces."""

    async def send(self, piece: bytes) -> None:
        """Write a piece, and wait until the peer's side has taken it. Raises StreamClosedError, TimeoutError."""
        self.write(piece)
        async with asyncio.timeout(READ_WITHIN_S):
            await self.flush()

    def cut_off(self) -> None:
        """Close the connection without the end of the reply: a reply that is cut off must not look complete."""
        connection = self.request.connection
        assert isinstance(connection, HTTP1Connection)
        connection.close()
