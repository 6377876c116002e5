"""GET /openapi.json and /asyncapi.json: the API documents as they are served.

A document is made when it is first asked for, on a thread: making it takes tens of milliseconds, which neither the
start of a process nor its loop is to pay.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import ClassVar

from handlers.base import Handler
from handlers.codec.json_encoding import encode
from handlers.documents.operation import Operation
from handlers.documents.schemas import Schema


class ServedDocument:
    """One document; `make` returns it."""

    def __init__(self, make: Callable[[], Schema]) -> None:
        self._make = make
        self._encoded: asyncio.Future[bytes] | None = None

    async def encoded(self) -> bytes:
        """The document as JSON."""
        if self._encoded is None:
            self._encoded = asyncio.ensure_future(asyncio.to_thread(lambda: encode(self._make())))
        return await asyncio.shield(self._encoded)


class DocumentHandler(Handler[ServedDocument]):
    is_public = True
    compresses = ("GET",)
    operations: ClassVar = {
        "GET": Operation(summary="Read the description of the interface", replies={200: dict[str, object]})
    }

    async def get(self) -> None:
        self.reply_bytes(await self.services.encoded())
