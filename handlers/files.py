"""/files: uploads, and what was uploaded, for those who may read it.

Whatever a file holds, a browser does nothing with it but show an image: it may be anything in disguise.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import ClassVar

from chat.errors import ChatError
from chat.fair_places import FairPlaces
from chat.file_names import content_disposition
from chat.logins import Identity
from chat.request_results.files import FileResult
from handlers.byte_ranges import Span, Unsatisfiable, requested_span
from handlers.documents.operation import BEARER, FILE_COOKIE, FILE_FORM, MULTIPART, Media, Operation
from handlers.error_reply import ErrorReply, error_document
from handlers.file_cookie import file_cookie
from handlers.rate_limit_headers import set_rate_limit_headers
from handlers.streaming import PIECE_BYTES, StreamingHandler
from handlers.uploads import UploadHandler, UploadServices
from images.contract import THUMBNAIL_TYPE
from limits.load_shedding import ShedClass
from store.errors import Missing
from store.models import File

log = logging.getLogger(__name__)

# Each download holds up to half a megabyte for a reader who may be slow. One user gets 103 at once where nobody else
# downloads: as many as a browser asks for on one connection (RFC 9113 section 6.5.2: 100).
DOWNLOADS_AT_ONCE = 256
FREE_PER_DOWNLOAD = 1.5
# A file never changes. Who may no longer read it keeps what the browser has: for a day at most.
CACHE_CONTROL = "private, max-age=86400, immutable"


class FileServices(UploadServices, frozen=True, kw_only=True):
    """What the routes below /files need. `is_embeddable`: pages of other origins may show files (CORS_ORIGINS)."""

    places: FairPlaces
    is_embeddable: bool


class FilesHandler(UploadHandler[FileServices]):
    operations: ClassVar = {
        "POST": Operation(
            summary="Upload a file",
            other_bodies={MULTIPART: FILE_FORM},
            replies={201: FileResult},
            errors=("unsupported_type", "conflict"),
        )
    }
    for_bots = ("POST",)
    sheds: ClassVar = {"POST": ShedClass.MESSAGES}
    counts_itself = ("POST",)

    async def post(self) -> None:
        async with self.received() as upload:
            file = await self.services.files.add(self.identity.user.id, upload, name=self.sent_name)
        self.reply(FileResult(file), 201)


class OneFileHandler(StreamingHandler[FileServices]):
    operations: ClassVar = {
        "GET": Operation(
            summary="Read a file, or a Range of it",
            replies={200: Media("*/*"), 206: Media("*/*"), 304: None, 416: ErrorReply},
            errors=("file_not_found",),
            security=(BEARER, FILE_COOKIE),
        )
    }
    for_bots = ("GET",)

    @property
    def counted_as(self) -> str:
        return "files" if self._counted_method == "GET" else "api"

    async def identify(self) -> Identity:
        """By the token, or by the cookie where there is none."""
        cookie = file_cookie(self)
        if cookie is None or self._counted_method != "GET" or "Authorization" in self.request.headers:
            return await super().identify()
        return await self.shared.logins.identify_reader(cookie)

    async def head(self, file_id: str) -> None:  # type: ignore[override]
        """Answer without reading the file. A Range is for GET alone (RFC 9110 section 14.2)."""
        file = await self._find(file_id)
        if not self._is_unchanged(file):
            self.set_header("Content-Length", str(file.size))
        self.finish()

    async def get(self, file_id: str) -> None:
        file = await self._find(file_id)
        if self._is_unchanged(file):
            self.finish()
            return
        span = self._span(f'"{file.sha256}"', file.size)
        if span is None:
            return
        self.set_header("Content-Length", str(span.end - span.start))
        with self.services.places.place(self.identity.user.id):
            await self.send_all(self._bytes_of(file, span), what="a file")

    async def _find(self, file_id: str) -> File:
        return await self.services.files.find(self.identity.user.id, file_id)

    def _is_unchanged(self, file: File) -> bool:
        """Set the headers, and the status 304 where the client has this very content already."""
        self.set_header("Content-Type", file.mime_type)
        is_image = file.mime_type.startswith("image/")
        self.set_header("Content-Disposition", content_disposition(file.name, inline=is_image))
        return self._is_cached(f'"{file.sha256}"')

    def _is_cached(self, tag: str) -> bool:
        self.set_header("Etag", tag)
        self.set_header("Accept-Ranges", "bytes")
        self.set_header("Cache-Control", CACHE_CONTROL)
        self.set_header("Content-Security-Policy", "sandbox; default-src 'none'")
        by_whom = "cross-origin" if self.services.is_embeddable else "same-origin"
        self.set_header("Cross-Origin-Resource-Policy", by_whom)
        self.set_header("Referrer-Policy", "no-referrer")
        self.set_header("X-Accel-Buffering", "no")  # nginx passes it on as it comes, and does not store it
        self.add_header("Vary", "Authorization, Cookie")  # not to be shown to who logs in next with this browser
        set_rate_limit_headers(self, self._decision)
        if self.check_etag_header():
            self.set_status(304)
            return True
        return False

    def _span(self, tag: str, size: int) -> Span | None:
        """What to send of `size` bytes, with its headers; None where the Range lies beyond, which is answered here."""
        headers, whole = self.request.headers, Span(0, size)
        if headers.get("If-Range", tag) != tag:
            return whole
        try:
            span = requested_span(headers.get("Range"), size)
        except Unsatisfiable:
            self._refuse_range(size)
            return None
        if span is None:
            return whole
        self.set_status(206)
        self.set_header("Content-Range", f"bytes {span.start}-{span.end - 1}/{size}")
        return span

    def _refuse_range(self, size: int) -> None:
        for name in ("Content-Disposition", "Etag"):
            self.clear_header(name)
        self.set_header("Cache-Control", "no-store")
        self.set_header("Content-Range", f"bytes */{size}")
        refusal = ChatError("validation_failed", details={"Range": "lies within the file"})
        self.reply_bytes(error_document(refusal, request_id=self.request_id), 416)  # a status that no code has

    async def _bytes_of(self, file: File, span: Span) -> AsyncGenerator[bytes, None]:
        """The part in pieces that are worth a write. Raises StoreError."""
        try:
            async with aclosing(self.services.files.read(file, start=span.start, end=span.end)) as pieces:
                async for piece in pieces:
                    for start in range(0, len(piece), PIECE_BYTES):
                        yield piece[start : start + PIECE_BYTES]
        except Missing:
            log.error("bytes of the file %s are lost", file.id)
            raise


class ThumbnailHandler(OneFileHandler):
    """Small, so that it is read at once: its length is not in the file's description."""

    operations: ClassVar = {
        "GET": Operation(
            summary="Read the thumbnail of an image, or a Range of it",
            replies={200: Media(THUMBNAIL_TYPE), 206: Media(THUMBNAIL_TYPE), 304: None, 416: ErrorReply},
            errors=("file_not_found",),
            security=(BEARER, FILE_COOKIE),
        )
    }

    async def head(self, file_id: str) -> None:  # type: ignore[override]
        await self.get(file_id)

    async def get(self, file_id: str) -> None:
        file = await self._find(file_id)
        content = await self.services.files.thumbnail(file)
        tag = f'"{file.sha256}.thumbnail"'
        self.set_header("Content-Type", THUMBNAIL_TYPE)
        self.set_header("Content-Disposition", "inline")
        if self._is_cached(tag):
            self.finish()
            return
        span = self._span(tag, len(content)) if self.request.method == "GET" else Span(0, len(content))
        if span is not None:
            self.finish(content[span.start : span.end])
