"""What requests with a file as their body have in common: it is counted, bounded and written down while it comes."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from typing import Generic, TypeVar

from msgspec import Struct

from chat.files import Files
from chat.incoming_files import IncomingFile, IncomingFiles
from handlers.base import Handler
from handlers.http.request_exchange import RequestExchange
from handlers.multipart_form import FRAME_MAX_BYTES, FileBegins, FileForm
from limits.contract import Check


class UploadServices(Struct, frozen=True, kw_only=True):
    """What a handler of uploads needs. `file_max_bytes`: the most that a file may have."""

    files: Files
    incoming: IncomingFiles
    file_max_bytes: int


S = TypeVar("S", bound=UploadServices)


class UploadHandler(Handler[S], Generic[S]):
    """A handler whose method `upload_method` takes a form with a file, which that method gets from `received`.

    The file's size is counted before its bytes are read where Content-Length tells it, else after them. Subclasses
    list the method in `counts_itself`, and count nothing themselves.
    """

    upload_method = "POST"

    _form: FileForm | None = None
    _file: IncomingFile | None = None
    _is_counted = False  # the file's size
    _is_in_use = False  # by a coroutine, which closes the file itself

    async def prepare(self) -> None:
        if self.request.method != self.upload_method:
            await super().prepare()
            return
        file_max_bytes = self.services.file_max_bytes
        self.max_body_bytes = file_max_bytes + FRAME_MAX_BYTES
        await super().prepare()
        await self.count(self.common_check, Check("uploads", self.identity.user.id))
        self._form = FileForm(self.request.headers.get("Content-Type", ""), file_max_bytes=file_max_bytes)
        self._file = self.services.incoming.begin(self.identity.user.id)
        connection = self.request.connection
        assert isinstance(connection, RequestExchange)
        connection.expect_upload()

    def data_received(self, chunk: bytes) -> Awaitable[None] | None:
        if self._form is None or self._file is None:
            return super().data_received(chunk)
        if self._finished:
            return None
        return self._receive(chunk, self._form, self._file)

    async def _receive(self, chunk: bytes, form: FileForm, file: IncomingFile) -> None:
        self._is_in_use = True
        try:
            for event in form.feed(chunk):
                if isinstance(event, FileBegins):
                    await self._count_announced(event)
                else:
                    await file.write(event)
        except Exception as error:
            self._handle_request_exception(error)
        finally:
            self._is_in_use = False
            if self._finished:
                file.close()

    async def _count_announced(self, begins: FileBegins) -> None:
        """Count the size of a file that Content-Length tells: it is the only part of most forms."""
        length = int(self.request.headers.get("Content-Length", "0"))  # request_head.py has refused every other form
        if length:
            await self._count_bytes(length - begins.frame_bytes)

    async def _count_bytes(self, size: int) -> None:
        self._is_counted = True
        if size > 0:
            await self.count(Check("upload_bytes", self.identity.user.id, min(size, self.services.file_max_bytes)))

    @asynccontextmanager
    async def received(self) -> AsyncIterator[IncomingFile]:
        """The file, which is whole now; it is closed at the end of the block. Raises ChatError."""
        form, file = self._form, self._file
        assert form is not None
        assert file is not None
        self._is_in_use = True
        try:
            form.finish()
            if not self._is_counted:
                await self._count_bytes(file.size)
            await self.shared.logins.confirm(self.identity)  # who sends slowly has taken an hour since it was checked
            yield file
        finally:
            file.close()

    @property
    def sent_name(self) -> str:
        """What the client calls the file."""
        return self._form.name if self._form is not None else ""

    def on_finish(self) -> None:
        super().on_finish()
        self._release()

    def on_connection_close(self) -> None:
        super().on_connection_close()
        if self._file is not None:
            self._file.abandon()
        self._release()

    def _release(self) -> None:
        if self._file is not None and not self._is_in_use:
            self._file.close()
