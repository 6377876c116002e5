"""One WebSocket connection over asyncio: the upgrade, texts in and out, pongs, the closing handshake."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping

from . import frames, upgrade
from .frames import FrameError, client_frame, close_payload
from .http_request import Address
from .message_reader import MessageReader

MAX_BYTES = 16 * 1024 * 1024  # of one message: a joinRoom's ack may hold 256 KB of messages and as much of changes
_READ_BYTES = 65_536
_CLOSE_WITHIN_S = 5.0


class UpgradeRefused(Exception):
    """The server answered the upgrade with `status`; `retry_after_s` as it asked."""

    def __init__(self, status: int, retry_after_s: int | None) -> None:
        super().__init__(f"HTTP {status}")
        self.status = status
        self.retry_after_s = retry_after_s


class WebSocketClosed(Exception):
    """The connection is over. `code`: that of the server's Close, 1006 where none came."""

    def __init__(self, code: int, reason: str = "") -> None:
        super().__init__(f"{code} {reason}".strip())
        self.code = code
        self.reason = reason


class WebSocket:
    """An open connection. One task reads `texts`; any may send."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._input = MessageReader(max_bytes=MAX_BYTES)
        self._close_sent = False

    @classmethod
    async def connect(cls, address: Address, target: str, headers: Mapping[str, str]) -> WebSocket:
        """Open a connection. Raises UpgradeRefused, WebSocketClosed for a reply that is none, OSError."""
        reader, writer = await address.open()
        try:
            key = upgrade.new_key()
            writer.write(upgrade.upgrade_request(address.host_header, address.prefix + target, headers, key=key))
            try:
                head = await reader.readuntil(b"\r\n\r\n")
            except (asyncio.IncompleteReadError, asyncio.LimitOverrunError) as error:
                raise WebSocketClosed(frames.ABNORMAL, "no reply to the upgrade") from error
            status = upgrade.status_of(head)
            if status is not None and status != 101:
                raise UpgradeRefused(status, upgrade.retry_after_s(head))
            if status is None or not upgrade.is_accepted(head, key):
                raise WebSocketClosed(frames.ABNORMAL, "the reply to the upgrade is no WebSocket's")
        except BaseException:
            writer.transport.abort()
            raise
        return cls(reader, writer)

    async def texts(self) -> AsyncIterator[str | None]:
        """The texts as they come, and None for a pong. Raises WebSocketClosed at the end of the connection."""
        while True:
            try:
                data = await self._reader.read(_READ_BYTES)
                found = self._input.receive(data) if data else None
            except OSError as error:
                raise WebSocketClosed(frames.ABNORMAL, str(error)) from error
            except FrameError as error:
                self._send_close(error.code)
                raise WebSocketClosed(error.code, str(error)) from error
            if found is None:
                raise WebSocketClosed(frames.ABNORMAL, "the connection ended without a Close")
            for one in found:
                if one.opcode == frames.TEXT:
                    yield one.text
                elif one.opcode == frames.PONG:
                    yield None
                elif one.opcode == frames.PING:
                    self._write(client_frame(frames.PONG, one.payload))
                else:
                    self._send_close(one.code)
                    raise WebSocketClosed(one.code, one.text)

    async def send(self, text: str) -> None:
        """Send a text; waits while the peer does not read. Raises WebSocketClosed."""
        self._write(client_frame(frames.TEXT, text.encode()))
        try:
            await self._writer.drain()
        except OSError as error:
            raise WebSocketClosed(frames.ABNORMAL, str(error)) from error

    def ping(self) -> None:
        """Ask for a pong."""
        self._write(client_frame(frames.PING, b""))

    async def close(self) -> None:
        """Send a Close, wait a moment for the server's, and close the socket. Nobody may read meanwhile."""
        self._send_close(frames.NORMAL)
        try:
            async with asyncio.timeout(_CLOSE_WITHIN_S):
                with contextlib.suppress(WebSocketClosed):
                    async for _ in self.texts():
                        pass
        except TimeoutError:
            pass
        finally:
            self.abort()

    def abort(self) -> None:
        """Close the socket at once."""
        self._writer.transport.abort()

    def _send_close(self, code: int) -> None:
        if not self._close_sent:
            self._close_sent = True
            payload = b"" if code == frames.NO_STATUS else close_payload(code)
            self._write(client_frame(frames.CLOSE, payload), last=True)

    def _write(self, data: bytes, *, last: bool = False) -> None:
        if (last or not self._close_sent) and not self._writer.is_closing():
            self._writer.write(data)
