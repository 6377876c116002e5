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


class Upgrades(Protocol):
    """Carries out WebSocket handshakes of the ordinary form."""

    path: str

    async def take(self, sock: socket.socket, peer: str, request: UpgradeRequest) -> bool:
        """Carry out a handshake whose head the kernel still holds, and take the socket.

        Returns False, and leaves the socket and the head as they are, where the request has to be answered otherwise.
        Raises what the handler is to answer, likewise, as `Counted` where the request is counted already.
        """


class Counted(Exception):
    """A handshake that is counted was refused: the handler must answer with `error` and not count it again."""

    def __init__(self, error: Exception, decision: Decision) -> None:
        super().__init__(str(error))
        self.error = error
        self.decision = decision
