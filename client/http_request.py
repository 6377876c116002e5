"""One HTTP/1.1 request on a connection of its own, over asyncio: head, body, reply. Knows nothing of the chat."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import io
import ssl
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

_HEAD_MAX_BYTES = 65_536
_CHUNK_BYTES = 65_536


class HttpError(Exception):
    """No reply came, or what came is none, or ended early."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where a base URL leads: `prefix` is its path, without a slash at the end."""

    host: str
    port: int
    ssl_context: ssl.SSLContext | None
    prefix: str
    host_header: str

    @classmethod
    def of(cls, base_url: str, ssl_context: ssl.SSLContext | None = None) -> Address:
        """Read an http or https URL. Raises ValueError."""
        parts = urlsplit(base_url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"the server's URL takes http://HOST[:PORT] or https://…, not {base_url!r}")
        secure = parts.scheme == "https"
        context = (ssl_context or ssl.create_default_context()) if secure else None
        host_header = parts.netloc.rpartition("@")[2]
        return cls(parts.hostname, parts.port or (443 if secure else 80), context, parts.path.rstrip("/"), host_header)

    async def open(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Connect. Raises OSError."""
        return await asyncio.open_connection(self.host, self.port, ssl=self.ssl_context, limit=_HEAD_MAX_BYTES)


@dataclass(frozen=True, slots=True)
class Body:
    """What a request sends: pieces of `size` bytes in all."""

    pieces: AsyncIterator[bytes]
    size: int
    content_type: str


class Reply:
    """A reply whose body has not been read yet. Header names are looked up in any case."""

    def __init__(self, status: int, headers: http.client.HTTPMessage, reader: asyncio.StreamReader) -> None:
        self.status = status
        self.headers = headers
        self._reader = reader

    async def read(self) -> AsyncIterator[bytes]:
        """The body, piece by piece. Raises HttpError where it ends early."""
        try:
            if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
                async for piece in self._chunks():
                    yield piece
            elif (length := self.headers.get("Content-Length")) is not None:
                async for piece in self._exactly(int(length)):
                    yield piece
            elif self.status != 204:
                while piece := await self._reader.read(_CHUNK_BYTES):
                    yield piece
        except (ValueError, OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError) as error:
            raise HttpError(f"the reply ended early: {error}") from error

    async def body(self) -> bytes:
        """All of it."""
        return b"".join([piece async for piece in self.read()])

    async def _exactly(self, size: int) -> AsyncIterator[bytes]:
        while size > 0:
            piece = await self._reader.read(min(size, _CHUNK_BYTES))
            if not piece:
                raise HttpError("the reply ended early")
            size -= len(piece)
            yield piece

    async def _chunks(self) -> AsyncIterator[bytes]:
        while size := int((await self._reader.readuntil(b"\r\n")).partition(b";")[0], 16):
            async for piece in self._exactly(size):
                yield piece
            await self._reader.readexactly(2)
        while (await self._reader.readuntil(b"\r\n")) != b"\r\n":
            pass  # trailers


@contextlib.asynccontextmanager
async def request(
    address: Address, method: str, target: str, headers: Mapping[str, str], body: Body | None = None
) -> AsyncIterator[Reply]:
    """Make a request; the connection is closed at the end. Raises HttpError; ValueError for a line break; and what the
    body's pieces raise, which ends the request.
    """
    lines = {"Host": address.host_header, "Connection": "close", "Accept-Encoding": "identity", **headers}
    if body is not None:
        lines |= {"Content-Type": body.content_type, "Content-Length": str(body.size)}
    elif method not in ("GET", "HEAD"):
        lines["Content-Length"] = "0"
    head = [f"{method} {address.prefix}{target} HTTP/1.1", *(f"{name}: {value}" for name, value in lines.items())]
    if any(ch in line for line in head for ch in "\r\n\0"):
        raise ValueError("a line break in a header")
    try:
        reader, writer = await address.open()
    except OSError as error:
        raise HttpError(str(error)) from error
    sending: asyncio.Task[None] | None = None
    try:
        writer.write(("\r\n".join(head) + "\r\n\r\n").encode("latin-1"))
        if body is not None:
            sending = asyncio.create_task(_send(writer, body))
        try:
            reply = await _reply(reader)
        except HttpError:
            if sending is not None and sending.done():
                sending.result()  # raises what ended the request, if that was the body
            raise
        yield reply
    finally:
        if sending is not None:
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)
        writer.transport.abort()  # nothing is left to be sent


async def _send(writer: asyncio.StreamWriter, body: Body) -> None:
    """Send the body while the reply is waited for: a refusal may come before its end, as a 413 does."""
    try:
        async for piece in body.pieces:
            writer.write(piece)
            with contextlib.suppress(OSError):  # whoever reads the reply is told
                await writer.drain()
    except Exception:
        writer.transport.abort()  # else the server would wait for the rest, and the caller for the server
        raise


async def _reply(reader: asyncio.StreamReader) -> Reply:
    while True:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError) as error:
            raise HttpError("the server closed without a reply") from error
        first, _, rest = head.partition(b"\r\n")
        try:
            status = int(first.split(b" ", 2)[1])
        except (IndexError, ValueError) as error:
            raise HttpError("the reply is no HTTP") from error
        if status >= 200:
            return Reply(status, http.client.parse_headers(io.BytesIO(rest)), reader)
