"""Uploaded files: what every store backend guarantees for them.

The package says what holds for all.
"""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator
from typing import Protocol

from store.blobs import Written
from store.models import (
    File,
    FileDraft,
)


class Files(Protocol):
    """Uploaded files. The bytes are written first, under a new id, then the description.

    Bytes without a description are readable by nobody and are removed after a day. The sweep also removes files that
    were uploaded a day ago, are shown by no message and are no avatar; their bytes go with the first sweep
    UNDESCRIBED_KEEP_MS later. Who posts such a file in that moment either succeeds, and it stays, or is told that there
    is no such file.
    """

    async def write(self, file_id: str, pieces: AsyncIterable[bytes], *, thumbnail: bool = False) -> Written:
        """Write the bytes of a file, or of its thumbnail. Leaves nothing if `pieces` raises.

        The call has no deadline; the write of each piece has one.
        """

    async def create(self, draft: FileDraft, *, quota_bytes: int | None = None) -> File:
        """Store the description of a file whose bytes, and thumbnail if it has one, are written.

        Raises Missing("file") if they are not. Raises OverQuota, and removes the bytes, where the owner's files would
        be more than FILES_MAX, or have more than `quota_bytes` together; None: as many as they like. Two at once that
        fit alone and not together are never both stored.
        """

    async def get(self, file_id: str) -> File | None: ...

    async def may_read(self, file_id: str, user_id: str) -> bool:
        """Whether a user owns the file, is a member of a room where a message shows it, or it is an avatar."""

    async def owned_by(self, user_id: str, *, limit: int, after: str = "") -> list[File]:
        """A user's files, ascending by id: those behind the id `after`."""

    def read(
        self, file_id: str, *, start: int = 0, end: int | None = None, thumbnail: bool = False
    ) -> AsyncIterator[bytes]:
        """The bytes from `start` up to `end` (exclusive), in pieces. Raises Missing("file")."""

    async def discard(self, file_id: str) -> None:
        """Remove the bytes of an upload that gets no description. No effect where there are none."""
