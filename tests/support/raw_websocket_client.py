"""A WebSocket client that need not follow the protocol: it reads on demand, answers no ping, and may reset."""

from __future__ import annotations

import base64
import json
import os
import socket
import struct
from collections.abc import Mapping
from types import TracebackType
from typing import Any

from tests.support.frames import client_frame, server_frame

WITHIN_S = 30.0


def reset(sock: socket.socket) -> None:
    """Close with RST."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


class RawWebSocket:
    """A blocking WebSocket connection. `send_frame` masks with zeros; `socket` sends raw bytes."""

    def __init__(
        self,
        port: int,
        *,
        token: str | None = None,
        receive_buffer: int | None = None,
        headers: Mapping[str, str | None] | None = None,
        early_data: bytes = b"",
    ) -> None:
        """Connect and read the response's head. A header of None is left out; `early_data` is sent with the request."""
        self.socket = socket.socket()
        if receive_buffer is not None:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(WITHIN_S)
        self.socket.connect(("127.0.0.1", port))
        self.close_code: int | None = None
        self._data = b""
        sent: dict[str, str | None] = {
            "Host": f"127.0.0.1:{port}",
            "Upgrade": "websocket",
            "Connection": "Upgrade",
            "Sec-WebSocket-Key": base64.b64encode(os.urandom(16)).decode(),
            "Sec-WebSocket-Version": "13",
            "Authorization": f"Bearer {token}" if token is not None else None,
            **(headers or {}),
        }
        lines = ["GET /ws HTTP/1.1", *(f"{name}: {value}" for name, value in sent.items() if value is not None)]
        self.socket.sendall(("\r\n".join(lines) + "\r\n\r\n").encode() + early_data)
        try:
            while b"\r\n\r\n" not in self._data:
                self._receive()
        except OSError:
            self.socket.close()
            raise
        self.head, _, self._data = self._data.partition(b"\r\n\r\n")

    def __enter__(self) -> RawWebSocket:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.socket.close()

    @property
    def status(self) -> int:
        """The response's HTTP status."""
        return int(self.head.split(b" ", 2)[1])

    def header(self, name: str) -> str | None:
        """A header of the response; None if it is missing."""
        for line in self.head.decode("latin-1").split("\r\n")[1:]:
            key, _, value = line.partition(": ")
            if key.lower() == name.lower():
                return value
        return None

    def json_body(self) -> Any:
        """The JSON body of a response that is no upgrade."""
        size = int(self.header("Content-Length") or 0)
        while len(self._data) < size:
            self._receive()
        return json.loads(self._data[:size])

    def is_closed(self) -> bool:
        """Whether the server closed the connection without sending more data. Blocks until it closes or sends."""
        try:
            return not self._data and not self.socket.recv(1)
        except ConnectionResetError:
            return True

    def _receive(self) -> None:
        data = self.socket.recv(65_536)
        if not data:
            raise ConnectionError("the server closed")
        self._data += data

    def send_frame(self, opcode: int, payload: bytes, *, final: bool = True) -> None:
        self.socket.sendall(client_frame(opcode, payload, final=final, mask=b"\0\0\0\0"))

    def send_command(self, event: str, **data: Any) -> None:
        self.send_frame(1, json.dumps({"event": event, "id": "1", "data": data}).encode())

    def read_frame(self) -> tuple[int, bytes]:
        """Read the server's next frame: its opcode and payload."""
        while (frame := server_frame(self._data)) is None:
            self._receive()
        head, payload, self._data = frame
        return head & 0x0F, payload

    def read_message(self) -> dict[str, Any] | None:
        """Read the next text message. None at a Close frame, whose code `close_code` has then."""
        while True:
            opcode, payload = self.read_frame()
            if opcode == 8:
                self.close_code = int.from_bytes(payload[:2], "big")
                return None
            if opcode == 1:
                message: dict[str, Any] = json.loads(payload)
                return message

    def read_close(self) -> int | None:
        """Read until the Close frame. Returns its code."""
        while self.read_message() is not None:
            pass
        return self.close_code

    def reset(self) -> None:
        """Close with RST, without a Close frame."""
        reset(self.socket)
