"""What connections and exchanges need of the HTTP server."""

from __future__ import annotations

import socket
from typing import Protocol

from tornado.http1connection import HTTP1ConnectionParameters

from handlers.http.http_bounds import HttpBounds
from handlers.http.lingering_close import LingeringCloses
from handlers.http.request_head import Refusal
from handlers.http.upgrade_request import UpgradeRequest
from limits.contract import Decision


class ServerContract(Protocol):
    """The server, as its connections see it."""

    bounds: HttpBounds
    is_stopping: bool  # whether each reply ends its connection
    lingering: LingeringCloses
    conn_params: HTTP1ConnectionParameters

    def refusal(self, refusal: Refusal, peer: str) -> bytes:
        """Count and log a refusal, and return the reply to send."""


class Arrival(Protocol):
    """A connection whose head was read, and of which the loop tells that more can be read.

    Whoever takes the socket registers it anew, in place: to end and begin it again is two system calls.
    """

    sock: socket.socket
    has_more: bool  # whether anything came behind the head while its handshake waited: bytes, or the end

    @property
    def peer(self) -> str:
        """The peer's address."""

    def drop(self) -> None:
        """Close the socket, which nobody has taken."""


class Upgrades(Protocol):
    """Carries out WebSocket handshakes of the ordinary form."""

    path: str

    async def take(self, arrival: Arrival, request: UpgradeRequest) -> bool:
        """Carry out a handshake, and take the socket, or drop it where the client is gone.

        Returns False, and leaves the socket as it is, where the request has to be answered otherwise. Raises what the
        handler is to answer, likewise, as `Counted` where the request is counted already.
        """


class Counted(Exception):
    """A handshake that is counted was refused: the handler must answer with `error` and not count it again."""

    def __init__(self, error: Exception, decision: Decision) -> None:
        super().__init__(str(error))
        self.error = error
        self.decision = decision
