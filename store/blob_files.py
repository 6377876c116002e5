"""The part of uploaded files that all backends share: their bytes, which become permanent with a description.

Knows no database.
"""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator

from store.blobs import Blobs, Written
from store.ids import thumbnail_key
from store.models import FileDraft


class BlobFiles:
    """The part of store.contract.Files that is about bytes; a backend adds the descriptions."""

    def __init__(self, *, blobs: Blobs) -> None:
        self._blobs = blobs

    async def write(self, file_id: str, pieces: AsyncIterable[bytes], *, thumbnail: bool = False) -> Written:
        return await self._blobs.write(thumbnail_key(file_id) if thumbnail else file_id, pieces)

    async def _keep(self, draft: FileDraft) -> None:
        """Keep the bytes of a file that is about to be described. Raises Missing("file")."""
        await self._blobs.keep(draft.id)
        if draft.has_thumbnail:
            await self._blobs.keep(thumbnail_key(draft.id))

    def read(
        self, file_id: str, *, start: int = 0, end: int | None = None, thumbnail: bool = False
    ) -> AsyncIterator[bytes]:
        return self._blobs.read(thumbnail_key(file_id) if thumbnail else file_id, start=start, end=end)

    async def discard(self, file_id: str) -> None:
        await self._blobs.delete(file_id)
        await self._blobs.delete(thumbnail_key(file_id))
