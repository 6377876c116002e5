"""Files: what becomes of an upload, and who may read it."""

from __future__ import annotations

import contextlib
import io
from collections.abc import AsyncIterator, Collection
from typing import BinaryIO

from chat.errors import ChatError
from chat.file_names import EXTENSIONS, file_name
from chat.incoming_files import READ_BYTES, IncomingFile
from images.signatures import SIGNATURE_BYTES, TextCheck, mime_type_of
from store.contract import Store
from store.errors import OverQuota, StoreError
from store.ids import make_id
from store.models import FILES_MAX, File, FileDraft

TEXT = "text/plain"


class Files:
    """The use cases. `allowed_types`: the MIME types that are taken, of those that are told by content.

    `quota_bytes`: how much the files of one user may have together; None: as much as they like.
    """

    def __init__(self, *, store: Store, allowed_types: Collection[str], quota_bytes: int | None) -> None:
        self._store = store
        self._quota_bytes = quota_bytes
        self._allowed = frozenset(allowed_types) & EXTENSIONS.keys()

    async def add(self, user_id: str, upload: IncomingFile, *, name: str) -> File:
        """Store an upload, under a name that `name` is made into. The caller closes `upload`.

        Raises ChatError unsupported_type, conflict (the quota is reached), unavailable; StoreError.
        """
        mime_type = await upload.run(_type_of)
        if mime_type not in self._allowed:
            raise ChatError("unsupported_type", details={"takes": sorted(self._allowed)})
        file_id = make_id("f")
        try:
            written = await self._store.files.write(file_id, upload.pieces())
        except BaseException:
            await self._discard(file_id)
            raise
        draft = FileDraft(
            id=file_id,
            owner_id=user_id,
            name=file_name(name, mime_type),
            size=written.size,
            mime_type=mime_type,
            sha256=written.sha256,
        )
        try:
            return await self._store.files.create(draft, quota_bytes=self._quota_bytes)
        except OverQuota as error:
            details = {"quotaBytes": self._quota_bytes, "quotaFiles": FILES_MAX}
            raise ChatError("conflict", "Your files take all the space that you have.", details=details) from error

    async def _discard(self, file_id: str) -> None:
        with contextlib.suppress(StoreError):  # the sweep removes what stays
            await self._store.files.discard(file_id)

    async def find(self, user_id: str, file_id: str) -> File:
        """A file that the user may read. Raises ChatError file_not_found, also for one that others may read."""
        file = await self._store.files.get(file_id)
        if file is None or not await self._store.files.may_read(file_id, user_id):
            raise ChatError("file_not_found")
        return file

    def read(self, file: File, *, start: int, end: int) -> AsyncIterator[bytes]:
        """The bytes from `start` up to `end` (exclusive). Raises StoreError: Missing where they are lost."""
        return self._store.files.read(file.id, start=start, end=end)

    async def thumbnail(self, file: File) -> bytes:
        """The thumbnail of an image. Raises ChatError file_not_found where it has none; StoreError."""
        if file.thumbnail_url is None:
            raise ChatError("file_not_found")
        return b"".join([piece async for piece in self._store.files.read(file.id, thumbnail=True)])


def _type_of(file: BinaryIO) -> str | None:
    """The type of a file by its content; None for one that is not known."""
    file.seek(0)
    signed = mime_type_of(file.read(SIGNATURE_BYTES))
    if signed is not None:
        return signed
    file.seek(0, io.SEEK_SET)
    text = TextCheck()
    while piece := file.read(READ_BYTES):
        if not text.feed(piece):
            return None
    return TEXT if text.finish() else None
