"""Tornado's stream, adapted: heads and whole replies by the shortest way, reads that end at their bound, and a socket
that outlives its stream.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Awaitable

from tornado.ioloop import IOLoop
from tornado.iostream import IOStream, UnsatisfiableReadError

LOOK_BYTES = 16_384  # that one look receives: most heads whole. Tornado's own reads fill 64 KB with zeros before


class HeadStream(IOStream):
    """A stream whose bounded read returns the bytes up to its bound, so that a refusal can be sent.

    IOStream's own closes the connection instead. Once it sends without delay (TCP_NODELAY) it goes on so: replies are
    written whole, and to switch it for each is two system calls.
    """

    _is_nodelay = False
    _head_max_bytes = 0  # of the head that is waited for

    def __init__(self, sock: socket.socket, *, first_bytes: bytes = b"") -> None:
        """`first_bytes` were read from the socket already."""
        super().__init__(sock)
        self._read_buffer += first_bytes
        self._read_buffer_size += len(first_bytes)

    def until_head(self, max_bytes: int, *, at_once: bool) -> Awaitable[bytes]:
        """Return what `take_head` returns as soon as bytes are there.

        `at_once`: they are probably there already. Else only the selector is asked: to try would be a system call and
        an error for nothing. Raises StreamClosedError.
        """
        future: asyncio.Future[bytes] = self._start_read()
        self._read_bytes, self._head_max_bytes = 1, max_bytes
        if at_once or self._read_buffer_size:
            self._try_inline_read()
        else:
            self._check_closed()
            self._add_io_state(IOLoop.READ)
        return future

    def take_head(self, max_bytes: int) -> bytes:
        """Return the head that is there, where it is whole and ends in CRLF, without empty lines before it.

        Otherwise b"": what is there stays for the reads that follow.
        """
        head: bytes = self._consume(self._head_end(max_bytes))
        return head

    def _head_end(self, max_bytes: int) -> int:
        buffer = self._read_buffer
        end = buffer.find(b"\n\r\n") + 3
        if not 3 <= end <= max_bytes or buffer[0] in b"\r\n" or buffer.find(b"\n\n", 0, end) >= 0:
            return 0
        return end

    def send_whole(self, data: bytes) -> asyncio.Future[None] | None:
        """As `write`; None where the kernel has taken all of it at once, or the stream is closed now."""
        if self.writing():
            return self.write(data)
        try:
            sent = self.socket.send(data)
        except BlockingIOError:
            sent = 0
        except OSError as error:
            self.close(exc_info=error)
            return None
        return None if sent == len(data) else self.write(data[sent:])

    def set_nodelay(self, value: bool) -> None:
        if value and not self._is_nodelay:
            self._is_nodelay = True
            super().set_nodelay(True)

    def _read_to_buffer(self) -> int | None:
        if not self._head_max_bytes:
            read: int | None = super()._read_to_buffer()
            return read
        try:
            data = self.socket.recv(LOOK_BYTES)
        except BlockingIOError:
            return 0
        except OSError as error:
            self.close(exc_info=error)
            if self._is_connreset(error):
                return None
            raise
        if not data:
            self.close()
        self._read_buffer += data
        self._read_buffer_size += len(data)
        return len(data)

    def _read_from_buffer(self, pos: int) -> None:
        self._head_max_bytes = 0
        super()._read_from_buffer(pos)

    def _find_read_pos(self) -> int | None:
        if self._head_max_bytes:
            return self._head_end(self._head_max_bytes) if self._read_buffer_size else None
        try:
            return super()._find_read_pos()
        except UnsatisfiableReadError:
            assert self._read_max_bytes is not None
            return min(self._read_max_bytes, self._read_buffer_size)


def duplicate_socket(stream: IOStream) -> socket.socket | None:
    """Return a second descriptor of the stream's socket, which outlives the stream.

    None if the stream is closed or no descriptor is free.
    """
    if stream.closed():
        return None
    try:
        return socket.socket(fileno=os.dup(stream.socket.fileno()))
    except OSError:  # no descriptor is free
        return None
