"""One HTTP/1.1 connection of the load client, kept alive: one request at a time, and its reply.

Its worker calls it when the socket is ready; it never blocks.
"""

from __future__ import annotations

import re
import selectors
from collections.abc import Callable

from bench.client_base.nonblocking_socket import NonBlockingSocket

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_WITHOUT_BODY = (204, 304)


class HttpConnection(NonBlockingSocket):
    """`on_reply(connection, status, body, now_ns)` is called for each reply, `on_lost(connection, why)` once, with the
    socket closed, when the connection has ended or sent no HTTP reply.
    """

    __slots__ = ("_buffer", "_head", "_on_lost", "_on_reply", "_selector")

    def __init__(
        self,
        *,
        address: tuple[str, int],
        token: str,
        selector: selectors.BaseSelector,
        on_reply: Callable[[HttpConnection, int, bytes, int], None],
        on_lost: Callable[[HttpConnection, str], None],
    ) -> None:
        super().__init__(address)
        self._selector = selector
        self._on_reply = on_reply
        self._on_lost = on_lost
        self._buffer = b""
        self._head = (
            "Host: {}:{}\r\nAuthorization: Bearer {}\r\nContent-Type: application/json\r\n".format(*address, token)
        ).encode()
        selector.register(self.sock, selectors.EVENT_READ, self)

    def send(self, method: str, path: str, body: bytes) -> None:
        """Send a request; there must be none without a reply."""
        length = b"Content-Length: %d\r\n" % len(body) if body else b""
        self._write(b"%s %s HTTP/1.1\r\n%s%s\r\n%s" % (method.encode(), path.encode(), self._head, length, body))

    def close(self) -> None:
        """Close the socket; a reply that is under way is dropped."""
        if self.is_open:
            self.is_open = False
            self._selector.unregister(self.sock)
            self.sock.close()

    # called by the worker

    def on_readable(self, now_ns: int) -> None:
        """Read from the socket; hand over a reply that is complete."""
        chunk = self._receive(at_end="ended")
        if chunk is None:
            return
        self._buffer += chunk
        head, found, rest = self._buffer.partition(b"\r\n\r\n")
        if not found:
            return
        status, length = _status(head), _LENGTH.search(head)
        if status is None or (length is None and status not in _WITHOUT_BODY):
            self.fail(f"sent no reply with a length: {head[:60].decode('latin-1')}")
            return
        size = 0 if length is None else int(length[1])
        if len(rest) >= size:
            self._buffer = rest[size:]
            self._on_reply(self, status, rest[:size], now_ns)

    def fail(self, why: str) -> None:
        """Close the socket; `on_lost` is told why."""
        self.close()
        self._on_lost(self, why)

    def _watch_writing(self, *, wanted: bool) -> None:
        events = selectors.EVENT_READ | selectors.EVENT_WRITE if wanted else selectors.EVENT_READ
        self._selector.modify(self.sock, events, self)


def _status(head: bytes) -> int | None:
    parts = head.split(b" ", 2)
    return int(parts[1]) if len(parts) > 1 and parts[0].startswith(b"HTTP/1.") and parts[1].isdigit() else None
