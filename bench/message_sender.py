"""Sends messages to a room by REST over connections that are kept: many at once, or at a rate meanwhile. Measures
nothing.
"""

from __future__ import annotations

import http.client
import json
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from bench.errors import BenchError
from bench.rest_client import Address

_TIMEOUT_S = 30
_THREADS = 4


class MessageSender:
    """`text(n)` is what the message with the number `n` says. The server must limit and shed nothing."""

    def __init__(self, address: Address, token: str, room_id: str, text: Callable[[int], str]) -> None:
        self._address = address
        self._headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        self._room_id = room_id
        self._text = text
        self._kept = threading.local()

    def send(self, number: int) -> None:
        """Send one. Raises BenchError where it is refused, OSError where there is no server."""
        connection: http.client.HTTPConnection | None = getattr(self._kept, "connection", None)
        if connection is None:
            connection = http.client.HTTPConnection(self._address.host, self._address.port, timeout=_TIMEOUT_S)
            self._kept.connection = connection
        body = json.dumps({"roomId": self._room_id, "content": self._text(number)})
        connection.request("POST", "/messages", body, self._headers)
        reply = connection.getresponse()
        content = reply.read()
        if reply.status >= 300:
            raise BenchError(f"POST /messages: {reply.status} {content[:200].decode(errors='replace')}")

    def send_all(self, count: int) -> None:
        """Send messages 0 to `count` - 1, a few at once. Raises as `send`."""
        with ThreadPoolExecutor(_THREADS) as pool:
            for _ in pool.map(self.send, range(count)):
                pass

    @contextmanager
    def sending(self, per_s: int) -> Iterator[None]:
        """Send `per_s` messages a second meanwhile, as far as the server keeps up. Raises as `send`, at the end."""
        ended = threading.Event()
        with ThreadPoolExecutor(1) as pool:
            sent = pool.submit(self._send_until, ended, per_s)
            try:
                yield
            finally:
                ended.set()
            sent.result()

    def _send_until(self, ended: threading.Event, per_s: int) -> None:
        begun_s = time.monotonic()
        number = 0
        while not ended.wait(max(0.0, begun_s + number / per_s - time.monotonic())):
            self.send(number)
            number += 1
