"""/ws: the WebSocket handshake: checks method, Origin, capacity and token, then takes the socket over from Tornado."""

from __future__ import annotations

import socket
from typing import Any, NoReturn

from tornado.httputil import HTTPServerRequest
from tornado.web import Application, RequestHandler
from tornado.websocket import WebSocketHandler, WebSocketProtocol

from chat.connections.session import Session
from chat.errors import ChatError
from chat.logins import Identity
from chat.request_results.people import OwnUser
from handlers.base import Handler
from handlers.http.request_exchange import RequestExchange
from handlers.http.server_contract import Counted
from handlers.http.stream import duplicate_socket
from handlers.rate_limit_headers import nearest_to_refusal
from handlers.shared_services import SharedServices
from handlers.websocket_admission import (
    SUBPROTOCOL,
    check_capacity,
    identify,
    offered_token,
    replaced_id,
    take_over,
)
from handlers.websocket_connection_factory import Caller, HandshakeResult, WebSocketConnectionFactory
from limits.ip_addresses import address_check
from limits.load_shedding import ShedClass


class HandshakeHandler(Handler[WebSocketConnectionFactory], WebSocketHandler):
    """Handles one handshake. It is freed after that: the link and the session remain."""

    runs_in_connection = False  # which is of no use to it any more

    def __init__(self, application: Application, request: HTTPServerRequest, **kwargs: Any) -> None:
        WebSocketHandler.__init__(self, application, request, **kwargs)  # WholeReplies' own passes it over

    def initialize(self, *, shared: SharedServices, route: str, services: WebSocketConnectionFactory) -> None:
        super().initialize(shared=shared, route=route, services=services)
        self.connection_id: str | None = None  # once the handshake has succeeded
        self._caller: Caller = None
        self._profile: OwnUser | None = None
        self._new_id = ""
        self._has_slot = False

    async def prepare(self) -> None:
        self.begin_span()
        self.set_header("X-Request-Id", self.request_id)
        self._raise_refusal()
        check = address_check("connects", self.client)
        try:
            self._check_form()
        except ChatError:
            await self.count(check)  # a malformed handshake counts towards the limit on connects too
            raise
        check_capacity(self.services.pool)  # not counted: nginx tries another process at once
        self.shared.limits.shed(ShedClass.ARRIVALS)
        await self.count(check)
        self._caller, self._profile = await identify(self.shared, self._token())

    def _raise_refusal(self) -> None:
        """Raise what websocket_upgrades.py found, if it was asked to carry out this handshake."""
        connection = self.request.connection
        assert isinstance(connection, RequestExchange)
        if "Upgrade" in self.request.headers and connection.has_more_to_read and not connection.has_body:
            connection.end_after_reply()  # because the bytes that follow are no request
        refused = connection.refused
        if refused is None:
            return
        if isinstance(refused, Counted):
            self._decision = nearest_to_refusal(self._decision, refused.decision)
            raise refused.error
        raise refused

    def _allowed_methods(self) -> list[str]:
        return ["GET"]  # nothing else can be upgraded

    def _check_form(self) -> None:
        if self.request.method != "GET":
            raise ChatError("method_not_allowed")
        if "Origin" in self.request.headers and not self.has_allowed_origin:
            raise ChatError("forbidden", "This origin may not connect.")
        self._check_upgrade()

    def _check_upgrade(self) -> None:
        headers = self.request.headers
        tokens = {token.strip().lower() for token in headers.get("Connection", "").split(",")}
        if headers.get("Upgrade", "").lower() != "websocket" or "upgrade" not in tokens:
            raise ChatError("malformed", "This is a WebSocket endpoint.")
        if len(headers.get_list("Sec-WebSocket-Key")) != 1:
            raise ChatError("malformed", "Sec-WebSocket-Key is missing.")

    def _token(self) -> str | None:
        authorization = self.request.headers.get("Authorization", "")
        return offered_token(authorization, self._subprotocols(), self._query_value("token"))

    def _query_value(self, name: str) -> str | None:
        values = self.request.query_arguments.get(name)
        return values[-1].decode("ascii", "replace") if values else None

    def _subprotocols(self) -> list[str]:
        return [
            name.strip()
            for value in self.request.headers.get_list("Sec-WebSocket-Protocol")
            for name in value.split(",")
        ]

    async def get(self, *args: Any, **kwargs: Any) -> None:
        check_capacity(self.services.pool)  # the last place may have been taken while the token was checked
        if not isinstance(self._caller, Identity):
            await super().get(*args, **kwargs)
            return
        self._new_id = self.services.new_id()
        async with self.services.pool.reserve_slot(
            self._new_id, self._caller.user.id, replaces=self._replaces()
        ) as self._has_slot:
            check_capacity(self.services.pool)  # a drain may have begun in the meantime
            await super().get(*args, **kwargs)

    def _replaces(self) -> str | None:
        return replaced_id(self._query_value("replaces"))

    def on_connection_close(self) -> None:
        super().on_connection_close()
        # This ends the wait for a body, which Tornado's WebSocketHandler does not do
        RequestHandler.on_connection_close(self)

    def check_origin(self, origin: str) -> bool:
        return True  # checked in prepare, by our own list

    def get_websocket_protocol(self) -> WebSocketProtocol | None:
        if self.request.headers.get("Sec-WebSocket-Version") != "13":
            return None
        connection_id = self._new_id or self.services.new_id()
        handshake = HandshakeResult(
            connection_id=connection_id,
            address=self.client,
            caller=self._caller,
            profile=self._profile,
            has_slot=self._has_slot,
            replaces=self._replaces(),
        )
        return UpgradeProtocol(
            self, connection_factory=self.services, handshake=handshake, subprotocols=self._subprotocols()
        )


class UpgradeProtocol(WebSocketProtocol):
    """Tornado's extension point: sends the 101 and takes the socket, so that handler, request and buffers are freed."""

    def __init__(
        self,
        handler: HandshakeHandler,
        *,
        connection_factory: WebSocketConnectionFactory,
        handshake: HandshakeResult,
        subprotocols: list[str],
    ) -> None:
        super().__init__(handler)
        self._connection_factory = connection_factory
        self._handshake = handshake
        self._subprotocols = subprotocols

    @property
    def selected_subprotocol(self) -> str | None:
        return SUBPROTOCOL if SUBPROTOCOL in self._subprotocols else None

    async def accept_connection(self, handler: WebSocketHandler) -> None:
        assert isinstance(handler, HandshakeHandler)
        session = self._take_over(handler)
        handler.set_status(101 if session is not None else 400)
        handler.connection_id = session.connection_id if session is not None else None
        handler._log()  # the access log: Tornado writes it in finish(), which an upgrade never reaches

    def _take_over(self, handler: HandshakeHandler) -> Session | None:
        """Send the 101 and open the connection; None if the client is gone. Raises ChatError malformed, unavailable."""
        handler.ws_connection = None
        self.handler = None  # type: ignore[assignment]
        sock = _take_socket(handler)
        if sock is None:
            return None
        headers = handler.request.headers
        session = take_over(
            self._connection_factory,
            sock,
            self._handshake,
            key=headers["Sec-WebSocket-Key"],
            subprotocols=self._subprotocols,
            extensions=headers.get("Sec-WebSocket-Extensions", ""),
        )
        if session is None:
            sock.close()
        return session

    def _not_used(self, *_: Any, **__: Any) -> NoReturn:
        raise NotImplementedError  # after accept_connection Tornado is not involved in the connection

    write_message = write_ping = is_closing = start_pinging = set_nodelay = _not_used
    _process_server_headers = _receive_frame_loop = _not_used

    def close(self, code: int | None = None, reason: str | None = None) -> None:
        """Do nothing: the link closes the socket."""


def _take_socket(handler: HandshakeHandler) -> socket.socket | None:
    """Duplicate the connection's socket and close Tornado's; None if it is closed already.

    Raises ChatError malformed if the client has sent more than its handshake, unavailable if no descriptor is free.
    """
    connection = handler.request.connection
    assert isinstance(connection, RequestExchange)
    if not connection.stream.closed() and connection.has_more_to_read:
        connection.end_after_reply()  # also where they came after `prepare`
        raise ChatError("malformed", "A client waits for the answer to its handshake.")  # RFC 6455 section 4.1
    sock = duplicate_socket(connection.stream)
    if sock is None and not connection.stream.closed():
        raise ChatError("unavailable", "No descriptor is left.", retry_after_s=1)
    handler.detach().close()
    if sock is not None:
        sock.setblocking(False)
    return sock
