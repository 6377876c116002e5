"""A server to compare with: how to start it, and how to talk to it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import msgspec

from bench.stream_client.dialect import Dialect

# ours, as docs/protocol.md has it. With an id a message is acked, without one it is only delivered.
_SEND = '{"event":"sendMessage","id":"m","data":{"roomId":"%r","content":"%m"}}'
_SEND_UNACKED = '{"event":"sendMessage","data":{"roomId":"%r","content":"%m"}}'
_ACK = '{"event":"ack"'


class Peer(msgspec.Struct, frozen=True):
    """`command(port, directory)` is a command line. `about` says what it does of what we do."""

    name: str
    about: str
    command: Callable[[int, Path], list[str]]
    dialect: Dialect


def chat_rooms(*, acks: bool) -> Dialect:
    """How to talk to this project's server, with a token and a joinRoom."""
    return Dialect(
        path="/ws?token=%t",
        opening='{"event":"joinRoom","id":"join","data":{"roomId":"%r"}}',
        message=_SEND if acks else _SEND_UNACKED,
        ready=_ACK,
        ack=_ACK if acks else None,
        error='{"event":"error"',
        numbered=True,
    )


def least_server(*, acks: bool) -> Peer:
    """The least server that stores and delivers (least_server.py)."""
    return Peer(
        "least server",
        "stores and delivers, nothing else",
        lambda port, directory: [sys.executable, "-m", "bench.peers.least_server", str(port), str(directory)],
        Dialect(
            path="/ws?room=%r",
            message=_SEND if acks else _SEND_UNACKED,
            ack=_ACK if acks else None,
            numbered=True,
        ),
    )
