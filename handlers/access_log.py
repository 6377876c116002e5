"""The access log: one line for each request, which also counts the request and ends its span.

A line never has the query, because a token may be in it, and of a path that holds a secret it has the route.
"""

from __future__ import annotations

import logging
import secrets
import time
from collections.abc import Callable

from tornado.web import RequestHandler

from chat.connections.session import Session
from handlers.base import Handler
from handlers.http.request_head import Refusal
from handlers.websocket_handshake import HandshakeHandler
from monitor.log_setup import log_event
from monitor.observer import Observer

access_log = logging.getLogger("access")


def log_request(handler: RequestHandler) -> None:
    """Log and count a request that a handler answered."""
    status = handler.get_status()
    path = handler.route if isinstance(handler, Handler) and handler.has_secret_path else handler.request.path
    fields: dict[str, object] = {"method": handler.request.method, "path": path, "status": status}
    if isinstance(handler, HandshakeHandler) and handler.connection_id is not None:
        fields["connection"] = handler.connection_id
    seconds = time.monotonic() - handler.began_at if isinstance(handler, Handler) else handler.request.request_time()
    fields["ms"] = round(seconds * 1000, 1)
    if isinstance(handler, Handler):
        observer = handler.shared.observer
        observer.http_request(handler.route, handler.request.method or "", status, seconds)
        if status == 101:
            observer.handshake(seconds)
        if handler.end_span is not None:
            handler.end_span(status)
        fields |= {"client": handler.client, "request": handler.request_id}
    level = logging.ERROR if status >= 500 and status != 503 else logging.INFO
    log_event(access_log, level, "request", fields)


def log_handshake(observer: Observer, *, path: str, session: Session | None, began_at: float, client: str) -> None:
    """Log and count a handshake that no handler carried out; `session` None: its client was gone."""
    status = 400 if session is None else 101
    seconds = time.monotonic() - began_at
    observer.http_request(path, "GET", status, seconds)
    fields: dict[str, object] = {"method": "GET", "path": path, "status": status}
    if session is not None:
        observer.handshake(seconds)
        fields["connection"] = session.connection_id
    fields |= {"ms": round(seconds * 1000, 1), "client": client, "request": secrets.token_hex(8)}
    log_event(access_log, logging.INFO, "request", fields)


def refusal_log(observer: Observer) -> Callable[[Refusal, str, str], None]:
    """Return the function that logs and counts a reply that no handler made.

    It takes the refusal, the peer's address and the request's id, and logs nothing that the peer has sent.
    """

    def log(refusal: Refusal, peer: str, request_id: str) -> None:
        observer.http_request("unreadable", "other", refusal.status, 0.0)
        fields = {"method": "-", "path": "-", "status": refusal.status, "client": peer, "request": request_id}
        log_event(access_log, logging.INFO, "request", fields)

    return log
