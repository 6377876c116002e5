"""The bounds of an HTTP connection: bytes, seconds and counts."""

from __future__ import annotations

import msgspec


class HttpBounds(msgspec.Struct, frozen=True):
    """How much and how long an HTTP connection may take; a WebSocket has bounds of its own."""

    head_max_bytes: int = 32_768  # more than the proxy accepts: see deploy/nginx.conf
    # For a whole request head: from the accept of a new connection, from the first byte on a kept one
    head_s: float = 10.0
    body_s: float = 10.0
    upload_min_bytes: int = 16_384  # of an upload's body in each `body_s`, instead of all of it
    idle_s: float = 75.0  # more than nginx's keepalive_timeout, so that nginx closes idle connections first
    reply_s: float = 60.0  # for the peer to receive a reply
    drain_max_bytes: int = 65_536  # of an unread body: up to this much is read and discarded to keep the connection
    stop_s: float = 2.0  # for unfinished replies when the server stops
    linger_s: float = 5.0  # for the peer's end after our last reply
    linger_max_bytes: int = 8 * 2**20  # for clients that send everything before they read
    lingering_max: int = 512  # sockets at once
    # More than half of the messages that may wait for a stalled store (message_writer.py), one on each connection
    connections_max: int = 6_144
    connections_by_address_max: int = 128
