"""Replies that are sent in pieces: at the pace of their reader, and never cut short without a sign."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Generic, TypeVar

from tornado.http1connection import HTTP1Connection
from tornado.iostream import StreamClosedError

from chat.errors import ChatError
from handlers.base import Handler
from store.errors import StoreError

PIECE_BYTES = 65_536  # about as much as is written at once
READ_WITHIN_S = 30.0  # for the peer to take what was written: a reader that stops gives its place to others

log = logging.getLogger(__name__)

S = TypeVar("S")


class StreamingHandler(Handler[S], Generic[S]):
    """A handler that sends its reply in pieces, in a task of its own: it may take long."""

    runs_in_connection = False

    async def send_all(self, pieces: AsyncGenerator[bytes, None], *, what: str, within_s: float | None = None) -> None:
        """Send the pieces, the last of which ends the reply. `what` is what the log calls them.

        Where they break off, or take longer than `within_s`, the connection is closed without the end of the reply: it
        must not look complete. Before the first piece that raises, so that the reply is an error: ChatError,
        StoreError, TimeoutError.
        """
        has_begun = False
        try:
            async with asyncio.timeout(within_s), aclosing(pieces):
                async for piece in pieces:
                    has_begun = True
                    await self._send(piece)
            self.finish()
        except (ChatError, StoreError, TimeoutError) as error:
            if not has_begun:
                raise
            log.warning("%s was cut off: %s", what, str(error) or "it took too long")
            self._cut_off()
        except StreamClosedError:
            log.info("the reader of %s has gone", what)

    async def _send(self, piece: bytes) -> None:
        """Write a piece, and wait until the peer's side has taken it. Raises StreamClosedError, TimeoutError."""
        self.write(piece)
        async with asyncio.timeout(READ_WITHIN_S):
            await self.flush()

    def _cut_off(self) -> None:
        connection = self.request.connection
        assert isinstance(connection, HTTP1Connection)
        connection.close()
