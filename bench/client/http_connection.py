"""One HTTP/1.1 connection of the load client, kept alive: one request at a time, and its reply. Owns its socket.

Its worker calls it when the socket is ready; it never blocks.
"""

from __future__ import annotations

import re
import selectors
import socket
from collections.abc import Callable

_RECEIVE_BYTES = 65_536  # see client/connection.py
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_WITHOUT_BODY = (204, 304)


class HttpConnection:
    """`on_reply(connection, status, body, now_ns)` is called for each reply, `on_lost(connection, why)` once, with the
    socket closed, when the connection has ended or sent no HTTP reply.
    """

    __slots__ = ("_buffer", "_head", "_on_lost", "_on_reply", "_out", "_selector", "open", "sock")

    def __init__(
        self,
        *,
        address: tuple[str, int],
        token: str,
        selector: selectors.BaseSelector,
        on_reply: Callable[[HttpConnection, int, bytes, int], None],
        on_lost: Callable[[HttpConnection, str], None],
    ) -> None:
        self.open = True
        self._selector = selector
        self._on_reply = on_reply
        self._on_lost = on_lost
        self._buffer = b""
        self._out = b""
        self._head = (
            "Host: {}:{}\r\nAuthorization: Bearer {}\r\nContent-Type: application/json\r\n".format(*address, token)
        ).encode()
        self.sock = socket.socket(socket.AF_INET6 if ":" in address[0] else socket.AF_INET, socket.SOCK_STREAM)
        self.sock.setblocking(False)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sock.connect_ex(address)
        selector.register(self.sock, selectors.EVENT_READ, self)

    def send(self, method: str, path: str, body: bytes) -> None:
        """Send a request; there must be none without a reply."""
        length = b"Content-Length: %d\r\n" % len(body) if body else b""
        self._out += b"%s %s HTTP/1.1\r\n%s%s\r\n%s" % (method.encode(), path.encode(), self._head, length, body)
        self._selector.modify(self.sock, selectors.EVENT_READ | selectors.EVENT_WRITE, self)

    def close(self) -> None:
        """Close the socket; a reply that is under way is dropped."""
        if self.open:
            self.open = False
            self._selector.unregister(self.sock)
            self.sock.close()

    # called by the worker

    def on_writable(self) -> None:
        """Send what the kernel takes."""
        try:
            sent = self.sock.send(self._out)
        except BlockingIOError:
            return
        except OSError as error:
            self._lose(f"could not send: {error}")
            return
        self._out = self._out[sent:]
        if not self._out:
            self._selector.modify(self.sock, selectors.EVENT_READ, self)

    def on_readable(self, now_ns: int) -> None:
        """Read from the socket; hand over a reply that is complete."""
        try:
            chunk = self.sock.recv(_RECEIVE_BYTES)
        except BlockingIOError:
            return
        except OSError as error:
            self._lose(f"ended: {error}")
            return
        if not chunk:
            self._lose("ended")
            return
        self._buffer += chunk
        head, found, rest = self._buffer.partition(b"\r\n\r\n")
        if not found:
            return
        status, length = _status(head), _LENGTH.search(head)
        if status is None or (length is None and status not in _WITHOUT_BODY):
            self._lose(f"sent no reply with a length: {head[:60].decode('latin-1')}")
            return
        size = 0 if length is None else int(length[1])
        if len(rest) >= size:
            self._buffer = rest[size:]
            self._on_reply(self, status, rest[:size], now_ns)

    def _lose(self, why: str) -> None:
        self.close()
        self._on_lost(self, why)


def _status(head: bytes) -> int | None:
    parts = head.split(b" ", 2)
    return int(parts[1]) if len(parts) > 1 and parts[0].startswith(b"HTTP/1.") and parts[1].isdigit() else None
