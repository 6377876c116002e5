"""A WebSocket on a socket that blocks: one connection beside the client processes, which are checked elsewhere."""

from __future__ import annotations

import socket

from bench.errors import BenchError
from bench.rest_client import Address
from client.upgrade import new_key, upgrade_request

_WITHIN_S = 20
_RECEIVE_BYTES = 65_536


def upgraded(address: Address, token: str, *, receive_buffer_bytes: int | None = None) -> tuple[socket.socket, bytes]:
    """A connection to /ws, with what came after the reply to its upgrade.

    `receive_buffer_bytes`: what the kernel may hold for a client that does not read. Raises BenchError, OSError.
    """
    sock = socket.socket(socket.AF_INET6 if ":" in address.host else socket.AF_INET)
    try:
        sock.settimeout(_WITHIN_S)
        if receive_buffer_bytes is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer_bytes)
        sock.connect((address.host, address.port))
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        headers = {"Authorization": f"Bearer {token}"}
        sock.sendall(upgrade_request(f"{address.host}:{address.port}", "/ws", headers, key=new_key()))
        return sock, _after_head(sock)
    except BaseException:
        sock.close()
        raise


def receive(sock: socket.socket) -> bytes:
    """What the socket has. Raises BenchError at its end, and OSError."""
    chunk = sock.recv(_RECEIVE_BYTES)
    if not chunk:
        raise BenchError("ended without a close frame")
    return chunk


def _after_head(sock: socket.socket) -> bytes:
    head = b""
    while b"\r\n\r\n" not in head:
        head += receive(sock)
    if not head.startswith(b"HTTP/1.1 101 "):
        raise BenchError(f"no upgrade: {head[:80].splitlines()[0].decode('latin-1')}")
    return head.partition(b"\r\n\r\n")[2]
