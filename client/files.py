"""Uploads and downloads, a piece at a time: neither holds a file from disk in memory."""

from __future__ import annotations

import asyncio
import os
import secrets
from collections.abc import AsyncIterator
from pathlib import Path

from .errors import ConnectionLost, Unauthorized
from .http_request import Body, HttpError
from .records import File, decoded
from .rest import Rest, decoded_object
from .session import Session

_PIECE_BYTES = 65_536


async def upload(rest: Rest, session: Session, source: str | os.PathLike[str] | bytes, name: str | None) -> File:
    """POST /files. Raises Refused, ConnectionLost; OSError for a file that cannot be read."""
    if isinstance(source, bytes):
        name, size = name or "file", len(source)
    else:
        name, size = name or Path(source).name, (await asyncio.to_thread(os.stat, source)).st_size
    token = await session.access_token()
    try:
        reply = await _post(rest, token, source, name, size)
    except Unauthorized:
        reply = await _post(rest, await session.access_token(refused=token), source, name, size)
    return decoded(File, decoded_object(reply)["file"])


async def _post(rest: Rest, token: str, source: str | os.PathLike[str] | bytes, name: str, size: int) -> bytes:
    boundary = secrets.token_hex(16)
    head = (
        f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{_quoted(name)}"\r\n'
        "Content-Type: application/octet-stream\r\n\r\n"
    ).encode()
    tail = f"\r\n--{boundary}--\r\n".encode()

    async def pieces() -> AsyncIterator[bytes]:
        yield head
        left = size
        async for piece in _pieces(source):
            left -= len(piece)
            if left >= 0:
                yield piece
        if left != 0:
            raise OSError(f"{source!r} changed its size while it was read")
        yield tail

    body = Body(pieces(), len(head) + size + len(tail), f"multipart/form-data; boundary={boundary}")
    try:
        async with rest.open("POST", "/files", token=token, body=body) as reply:
            return await reply.body()
    except HttpError as error:
        raise ConnectionLost(f"POST /files: {error}") from error


async def download(rest: Rest, session: Session, url: str, to: str | os.PathLike[str] | None) -> bytes:
    """GET of a file's url, a path below the server's. Raises Refused, ConnectionLost; OSError where `to` cannot be
    written. After an error there may be a part of the file at `to`.
    """
    if not url.startswith("/"):
        url = f"/files/{url}"
    token = await session.access_token()
    try:
        return await _fetch(rest, token, url, to)
    except Unauthorized:
        return await _fetch(rest, await session.access_token(refused=token), url, to)


async def _fetch(rest: Rest, token: str, url: str, to: str | os.PathLike[str] | None) -> bytes:
    try:
        async with rest.open("GET", url, token=token) as reply:
            if to is None:
                return await reply.body()
            with await asyncio.to_thread(open, to, "wb") as file:
                async for piece in reply.read():
                    await asyncio.to_thread(file.write, piece)
            return b""
    except HttpError as error:
        raise ConnectionLost(f"GET {url}: {error}") from error


async def _pieces(source: str | os.PathLike[str] | bytes) -> AsyncIterator[bytes]:
    if isinstance(source, bytes):
        for at in range(0, len(source), _PIECE_BYTES):
            yield source[at : at + _PIECE_BYTES]
        return
    with await asyncio.to_thread(open, source, "rb") as file:
        while piece := await asyncio.to_thread(file.read, _PIECE_BYTES):
            yield piece


def _quoted(name: str) -> str:
    """A file name within quotes, as browsers send it (HTML's multipart/form-data encoding)."""
    return name.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")
