"""What connections and exchanges need of the HTTP server."""

from __future__ import annotations

from typing import Protocol

from tornado.http1connection import HTTP1ConnectionParameters

from handlers.http.http_bounds import HttpBounds
from handlers.http.lingering_close import LingeringCloses
from handlers.http.request_head import Refusal


class ServerContract(Protocol):
    """The server, as its connections see it."""

    bounds: HttpBounds
    is_stopping: bool  # whether each reply ends its connection
    lingering: LingeringCloses
    conn_params: HTTP1ConnectionParameters

    def refusal(self, refusal: Refusal, peer: str) -> bytes:
        """Count and log a refusal, and return the reply to send."""
