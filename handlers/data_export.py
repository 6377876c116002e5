"""/users/me/export: one's own data as a ZIP archive, streamed."""

from __future__ import annotations

import asyncio
import logging
from contextlib import aclosing
from typing import ClassVar

from tornado.iostream import StreamClosedError

from chat.data_export import DataExport
from chat.errors import ChatError
from handlers.documents.operation import Media, Operation
from handlers.rate_limit_headers import set_rate_limit_headers
from handlers.streaming import StreamingHandler
from handlers.zip_stream import zip_stream
from limits.load_shedding import ShedClass
from store.errors import StoreError

log = logging.getLogger(__name__)

EXPORT_WITHIN_S = 600.0  # for all of it
WRITE_BYTES = 65_536


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
            has_begun = False
            self._set_export_headers()
            try:
                async with asyncio.timeout(EXPORT_WITHIN_S), aclosing(zip_stream(files)) as archive:
                    waiting: list[bytes] = []
                    async for piece in archive:
                        waiting.append(piece)
                        if sum(map(len, waiting)) >= WRITE_BYTES:
                            has_begun = True
                            await self._send(waiting)
                        await asyncio.sleep(0)  # each piece was read, encoded and packed in this loop turn
                    has_begun = True
                    await self._send(waiting)
            except (ChatError, StoreError, TimeoutError) as error:
                if not has_begun:
                    raise
                log.warning("an export was cut off: %s", str(error) or "it took too long")
                self.cut_off()
            except StreamClosedError:
                log.info("the reader of an export has gone")

    async def _send(self, waiting: list[bytes]) -> None:
        piece = b"".join(waiting)
        waiting.clear()
        await self.send(piece)

    def _set_export_headers(self) -> None:
        self.set_header("Content-Type", "application/zip")
        self.set_header("Content-Disposition", 'attachment; filename="chat-export.zip"')
        self.set_header("X-Accel-Buffering", "no")  # nginx passes it on as it comes, and does not store it
        set_rate_limit_headers(self, self._decision)
