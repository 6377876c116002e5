"""What the kernel knows of a connected socket, without reading from it."""

from __future__ import annotations

import fcntl
import select
import socket
import sys
import termios

# Missing on macOS. There poll reports a reset and a full close only, which it does without being asked
_PEER_ENDED: int = getattr(select, "POLLRDHUP", 0)


def unread_bytes(sock: socket.socket) -> int:
    """How many received bytes the kernel holds."""
    unread = fcntl.ioctl(sock.fileno(), termios.FIONREAD, bytes(4))
    return int.from_bytes(unread, sys.byteorder)


def has_peer_ended(sock: socket.socket) -> bool:
    """Whether the peer has ended or reset the connection, even if unread bytes precede that."""
    poll = select.poll()
    poll.register(sock.fileno(), _PEER_ENDED)
    return bool(poll.poll(0))
