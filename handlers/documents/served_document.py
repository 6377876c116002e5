"""GET /openapi.json and /asyncapi.json: the API documents as they are served.

A document is made when it is first asked for, on a thread: making it takes tens of milliseconds, which neither the
start of a process nor its loop is to pay.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, ClassVar

from msgspec import Struct

from handlers.base import Handler
from handlers.codec.json_encoding import encode
from handlers.content_encoding import gzip_asset, varies_by_gzip
from handlers.documents.operation import Operation
from handlers.documents.schemas import Schema


class EncodedDocument(Struct, frozen=True):
    """A document as JSON, and the same compressed."""

    plain: bytes
    gzip: bytes | None


class ServedDocument:
    """One document; `make` returns it."""

    def __init__(self, make: Callable[[], Schema]) -> None:
        self._make = make
        self._encoded: asyncio.Future[EncodedDocument] | None = None

    async def encoded(self) -> EncodedDocument:
        """The document as it is sent."""
        if self._encoded is None:
            self._encoded = asyncio.ensure_future(asyncio.to_thread(self._encode))
        return await asyncio.shield(self._encoded)

    def _encode(self) -> EncodedDocument:
        plain = encode(self._make())
        return EncodedDocument(plain, gzip_asset(plain))


class DocumentHandler(Handler[ServedDocument]):
    is_public = True
    operations: ClassVar = {
        "GET": Operation(summary="Read the description of the interface", replies={200: dict[str, Any]})
    }

    async def get(self) -> None:
        document = await self.services.encoded()
        if document.gzip is not None and varies_by_gzip(self):
            self.set_header("Content-Encoding", "gzip")
            self.reply_bytes(document.gzip)
        else:
            self.reply_bytes(document.plain)
