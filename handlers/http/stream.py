"""Tornado's stream, adapted: reads that end at their bound, and a socket that outlives its stream."""

from __future__ import annotations

import os
import socket

from tornado.iostream import IOStream, UnsatisfiableReadError


class HeadStream(IOStream):
    """A stream whose bounded read returns the bytes up to its bound, so that a refusal can be sent.

    IOStream's own closes the connection instead. Once it sends without delay (TCP_NODELAY) it goes on so: replies are
    written whole, and to switch it for each is two system calls.
    """

    _is_nodelay = False

    def set_nodelay(self, value: bool) -> None:
        if value and not self._is_nodelay:
            self._is_nodelay = True
            super().set_nodelay(True)

    def _find_read_pos(self) -> int | None:
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
