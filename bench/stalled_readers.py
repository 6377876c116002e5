"""Connections that join a room and never read again, as of a phone in a tunnel or a client that is stopped."""

from __future__ import annotations

import socket
import time
from collections.abc import Sequence
from contextlib import ExitStack
from types import TracebackType
from typing import Any

from bench import rest_client
from bench.client import chat_messages
from bench.client_base.blocking_websocket import receive, upgraded
from bench.errors import BenchError
from bench.rest_client import Address
from client import frames

_KERNEL_BYTES = 4096  # of the client's kernel
_ASKS_MAX = 500
_ANSWERED_WITHIN_S = 30
_LOOK_EVERY_S = 0.01


class StalledReaders:
    """A context manager with `count` connections, which the server may end as it sees fit.

    The server's kernel takes some megabytes for each of them before the server itself has to keep anything, and what is
    measured is what comes after that: so they ask for the messages of the room, again and again, until the server keeps
    something for half of them. Entering raises BenchError, OSError.
    """

    def __init__(self, address: Address, tokens: Sequence[str], room_id: str, count: int) -> None:
        self._address, self._tokens, self._count = address, tokens, count
        self._ask = frames.client_frame(frames.TEXT, chat_messages.join_command(room_id, since=0))
        self._open = ExitStack()

    def __enter__(self) -> None:
        with ExitStack() as opened:
            joined = [opened.enter_context(self._join(number)) for number in range(self._count)]
            for _ in range(_ASKS_MAX):
                told = self._told()
                if told["outbox"]["connections"] * 2 >= self._count:
                    break
                for sock in joined:
                    sock.sendall(self._ask)
                self._wait_for_joins(_joins(told) + self._count)
            else:
                raise BenchError("the server keeps nothing for connections that do not read")
            self._open = opened.pop_all()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.close()

    def _join(self, number: int) -> socket.socket:
        """A connection that is in the room: it has read the ack."""
        token = self._tokens[number % len(self._tokens)]
        sock, rest = upgraded(self._address, token, receive_buffer_bytes=_KERNEL_BYTES)
        try:
            sock.sendall(self._ask)
            while b'"event":"ack"' not in rest:
                rest += receive(sock)
        except BaseException:
            sock.close()
            raise
        return sock

    def _wait_for_joins(self, count: int) -> None:
        until_s = time.monotonic() + _ANSWERED_WITHIN_S
        while _joins(self._told()) < count:
            if time.monotonic() > until_s:
                raise BenchError("joins were not answered in time")
            time.sleep(_LOOK_EVERY_S)

    def _told(self) -> dict[str, Any]:
        """What the server tells of its connections."""
        return rest_client.call(self._address, "GET", "/metrics/websocket")


def _joins(told: dict[str, Any]) -> int:
    return int(told["commands"]["joinRoom"]["count"])
