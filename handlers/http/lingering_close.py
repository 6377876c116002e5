"""The lingering close of an HTTP connection: send the last bytes and FIN, read and discard until the peer ends too.

Closing a socket that has unread input sends RST, and a peer that receives RST loses the reply that it has not read yet.
A proxy then counts a refusal as a failed process.
"""

from __future__ import annotations

import asyncio
import socket
from collections import defaultdict
from contextlib import suppress

READS_A_TURN = 4
READ_BYTES = 65_536


class LingeringCloses:
    """Owns the lingering sockets: at most `at_most`, each for at most `within_s` seconds and `max_bytes` of input.

    When it is full, the oldest socket of the address that has the most is closed at once.
    """

    def __init__(self, *, at_most: int, within_s: float, max_bytes: int) -> None:
        self._at_most = at_most
        self._within_s = within_s
        self._max_bytes = max_bytes
        self._left: dict[socket.socket, int] = {}  # bytes that each socket may still send
        self._address_of: dict[socket.socket, str] = {}
        self._by_address: defaultdict[str, dict[socket.socket, None]] = defaultdict(dict)  # oldest first
        self._timers: dict[socket.socket, asyncio.TimerHandle] = {}
        self._scrap = bytearray(READ_BYTES)

    def __len__(self) -> int:
        return len(self._left)

    def add(self, sock: socket.socket, last_bytes: bytes = b"", *, address: str) -> None:
        """Take over a socket of `address` and send `last_bytes`.

        If the kernel does not take all of them the socket is closed at once, because its peer is not reading.
        """
        sock.setblocking(False)
        try:
            complete = not last_bytes or sock.send(last_bytes) == len(last_bytes)
            if complete:
                sock.shutdown(socket.SHUT_WR)
        except OSError:
            complete = False
        if not complete:
            sock.close()
            return
        if len(self._left) >= self._at_most:
            most = max(self._by_address.values(), key=len)  # so that a flood from one address costs no other its reply
            self._end(next(iter(most)))
        loop = asyncio.get_running_loop()
        self._left[sock] = self._max_bytes
        self._address_of[sock] = address
        self._by_address[address][sock] = None
        self._timers[sock] = loop.call_later(self._within_s, self._end, sock)
        loop.add_reader(sock.fileno(), self._read, sock)

    def close(self) -> None:
        """Close all sockets now. Idempotent."""
        for sock in list(self._left):
            self._end(sock)

    def _read(self, sock: socket.socket) -> None:
        for _ in range(READS_A_TURN):
            try:
                count = sock.recv_into(self._scrap)
            except BlockingIOError:
                return
            except OSError:
                count = 0
            self._left[sock] -= count
            if count == 0 or self._left[sock] < 0:
                self._end(sock)
                return

    def _end(self, sock: socket.socket) -> None:
        del self._left[sock]
        address = self._address_of.pop(sock)
        del self._by_address[address][sock]
        if not self._by_address[address]:
            del self._by_address[address]
        self._timers.pop(sock).cancel()
        with suppress(OSError):
            asyncio.get_running_loop().remove_reader(sock.fileno())
        sock.close()
