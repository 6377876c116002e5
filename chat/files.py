"""Files: what becomes of an upload, and who may read it."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Collection
from typing import BinaryIO

from msgspec import Struct

from chat.errors import ChatError
from chat.file_names import EXTENSIONS, file_name
from chat.image_turns import ImageTurns
from chat.incoming_files import READ_BYTES, RETRY_AFTER_S, IncomingFile, IncomingFiles
from images.contract import IMAGE_TYPES, ImageProcessor, ImagesBusy, NotAnImage, ProcessedImage
from images.signatures import SIGNATURE_BYTES, TextCheck, mime_type_of
from store.contract import Store
from store.errors import Missing, OverQuota, StoreError
from store.ids import make_id
from store.models import FILES_MAX, File, FileDraft

log = logging.getLogger(__name__)

TEXT = "text/plain"


class StoredContent(Struct, frozen=True):
    """What is stored of an upload, in open files; with `width` and `height` in pixels if it is an image."""

    file: BinaryIO
    mime_type: str
    thumbnail: BinaryIO | None = None
    width: int | None = None
    height: int | None = None


class Files:
    """The use cases. `allowed_types`: the MIME types that are taken, of those that are told by content.

    `quota_bytes`: how much the files of one user may have together; None: as much as they like.
    """

    def __init__(
        self,
        *,
        store: Store,
        incoming: IncomingFiles,
        images: ImageProcessor,
        allowed_types: Collection[str],
        quota_bytes: int | None,
    ) -> None:
        self._store = store
        self._incoming = incoming
        self._images = images
        self._turns = ImageTurns()
        self._quota_bytes = quota_bytes
        self._allowed = frozenset(allowed_types) & EXTENSIONS.keys()

    async def add(self, user_id: str, upload: IncomingFile, *, name: str) -> File:
        """Store an upload, under a name that `name` is made into; an image as it was encoded anew. The caller closes
        `upload`.

        Raises ChatError unsupported_type, conflict (the quota is reached), unavailable; StoreError.
        """
        mime_type = await _require_type(upload, self._allowed)
        if mime_type not in IMAGE_TYPES:
            return await self._store_file(user_id, name, StoredContent(await upload.lent(), mime_type))
        image = await self._processed(user_id, upload, self._images.process, mime_type)
        return await self._store_image(user_id, name, image)

    async def add_avatar(self, user_id: str, upload: IncomingFile) -> File:
        """Store an image, cut square, which is nobody's picture yet. The caller closes `upload`. Raises as `add`."""
        mime_type = await _require_type(upload, self._allowed & IMAGE_TYPES)
        image = await self._processed(user_id, upload, self._images.avatar, mime_type)
        return await self._store_image(user_id, "avatar", image)

    async def _processed(
        self, user_id: str, upload: IncomingFile, process: Callable[..., Awaitable[ProcessedImage]], mime_type: str
    ) -> ProcessedImage:
        """What an image becomes, once it is its turn. Raises ChatError unsupported_type, unavailable."""
        try:
            async with self._turns.of(user_id):
                if upload.is_abandoned:
                    raise ChatError("unavailable", "Nobody waits for this image.")
                return await process(await upload.lent(), mime_type=mime_type)
        except NotAnImage as error:
            log.info("an upload is no image that can be shown: %s", error)
            raise ChatError("unsupported_type", "The image cannot be read, or has too many pixels.") from error
        except (ImagesBusy, TimeoutError) as error:
            raise ChatError("unavailable", "Images cannot be processed now.", retry_after_s=RETRY_AFTER_S) from error
        except OSError as error:
            raise ChatError("unavailable", "The file cannot be stored now.") from error

    async def _store_image(self, user_id: str, name: str, image: ProcessedImage) -> File:
        content = StoredContent(image.image, image.mime_type, image.thumbnail, image.width, image.height)
        try:
            return await self._store_file(user_id, name, content)
        finally:
            for file in (image.image, image.thumbnail):
                if file is not None:
                    self._incoming.discard(file)

    async def _store_file(self, user_id: str, name: str, content: StoredContent) -> File:
        file_id = make_id("f")
        try:
            written = await self._store.files.write(file_id, self._incoming.pieces(content.file))
            if content.thumbnail is not None:
                thumbnail = self._incoming.pieces(content.thumbnail)
                await self._store.files.write(file_id, thumbnail, thumbnail=True)
        except BaseException:
            await self._discard(file_id)
            raise
        draft = FileDraft(
            id=file_id,
            owner_id=user_id,
            name=file_name(name, content.mime_type),
            size=written.size,
            mime_type=content.mime_type,
            sha256=written.sha256,
            width=content.width,
            height=content.height,
            has_thumbnail=content.thumbnail is not None,
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

    async def read(self, file: File, *, start: int, end: int) -> AsyncGenerator[bytes, None]:
        """The bytes from `start` up to `end` (exclusive). Raises StoreError: Missing, at the end too, for lost ones."""
        left = end - start
        async for piece in self._store.files.read(file.id, start=start, end=end):
            left -= len(piece)
            yield piece
        if left:
            raise Missing("file")

    async def thumbnail(self, file: File) -> bytes:
        """The thumbnail of an image. Raises ChatError file_not_found where it has none; StoreError."""
        if file.thumbnail_url is None:
            raise ChatError("file_not_found")
        return b"".join([piece async for piece in self._store.files.read(file.id, thumbnail=True)])


async def _require_type(upload: IncomingFile, allowed: Collection[str]) -> str:
    """The type of an upload by its content. Raises ChatError unsupported_type."""
    mime_type = await upload.run(_type_of)
    if mime_type is None or mime_type not in allowed:
        raise ChatError("unsupported_type", details={"takes": sorted(allowed)})
    return mime_type


def _type_of(file: BinaryIO) -> str | None:
    """The type of a file by its content; None for one that is not known."""
    file.seek(0)
    signed = mime_type_of(file.read(SIGNATURE_BYTES))
    if signed is not None:
        return signed
    file.seek(0)
    text = TextCheck()
    while piece := file.read(READ_BYTES):
        if not text.feed(piece):
            return None
    return TEXT if text.finish() else None
