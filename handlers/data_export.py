"""/users/me/export: one's own data as a ZIP archive, streamed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import ClassVar

from chat.data_export import DataExport
from handlers.documents.operation import Media, Operation
from handlers.rate_limit_headers import set_rate_limit_headers
from handlers.streaming import PIECE_BYTES, StreamingHandler
from handlers.zip_stream import zip_stream
from limits.load_shedding import ShedClass

EXPORT_WITHIN_S = 600.0  # for all of it


class ExportHandler(StreamingHandler[DataExport]):
    operations: ClassVar = {
        "GET": Operation(summary="Download one's own data", replies={200: Media("application/zip")})
    }
    sheds: ClassVar = {"GET": ShedClass.READS}

    async def head(self) -> None:  # type: ignore[override]
        """Answer without building anything."""
        self._set_export_headers()
        self.finish()

    async def get(self) -> None:
        with self.services.begin(self.identity) as files:
            self._set_export_headers()
            await self.send_all(_gathered(zip_stream(files)), what="an export", within_s=EXPORT_WITHIN_S)

    def _set_export_headers(self) -> None:
        self.set_header("Content-Type", "application/zip")
        self.set_header("Content-Disposition", 'attachment; filename="chat-export.zip"')
        self.set_header("X-Accel-Buffering", "no")  # nginx passes it on as it comes, and does not store it
        set_rate_limit_headers(self, self._decision)


async def _gathered(archive: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
    """The archive in pieces that are worth a write."""
    async with aclosing(archive):
        waiting: list[bytes] = []
        async for piece in archive:
            waiting.append(piece)
            if sum(map(len, waiting)) >= PIECE_BYTES:
                yield b"".join(waiting)
                waiting.clear()
            await asyncio.sleep(0)  # each piece was read, encoded and packed in this loop turn
        yield b"".join(waiting)
