"""A ZIP archive that is written piece by piece to where nobody can seek, and is never in memory as a whole."""

from __future__ import annotations

import zipfile
from collections.abc import AsyncGenerator
from contextlib import aclosing
from datetime import UTC, datetime
from typing import IO, cast

from chat.data_export import ExportedFile


class _Pending:
    """The end of the archive that was not taken yet. It has no `tell`, so zipfile does not seek in it."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    def write(self, data: bytes) -> int:
        self._pieces.append(bytes(data))
        return len(data)

    def flush(self) -> None:
        """What is pending leaves by `take`."""

    def take(self) -> bytes:
        """Remove and return what is pending."""
        taken = b"".join(self._pieces)
        self._pieces.clear()
        return taken


async def zip_stream(files: AsyncGenerator[ExportedFile, None]) -> AsyncGenerator[bytes, None]:
    """The archive of the files in pieces; each piece of a file gives one, empty where the packer keeps it back."""
    pending = _Pending()
    async with aclosing(files):
        with zipfile.ZipFile(cast(IO[bytes], pending), "w", zipfile.ZIP_DEFLATED) as archive:
            async for file in files:
                about = zipfile.ZipInfo(file.name, date_time=datetime.now(UTC).timetuple()[:6])
                about.compress_type = zipfile.ZIP_DEFLATED
                about.external_attr = 0o600 << 16
                with archive.open(about, "w", force_zip64=file.is_large) as entry:
                    async with aclosing(file.pieces) as pieces:
                        async for piece in pieces:
                            entry.write(piece)
                            yield pending.take()
                yield pending.take()
    yield pending.take()
