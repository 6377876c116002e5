"""/ws: who may open a WebSocket (method, Origin, caps, token), and the hand-over of its socket from Tornado to the
wire.
"""

from __future__ import annotations

import asyncio
import itertools
import socket
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple, NoReturn

from tornado.web import RequestHandler
from tornado.websocket import WebSocketHandler, WebSocketProtocol, WebSocketProtocol13

from chat.accounts import Identity
from chat.connections.command_table import Commands
from chat.connections.pool import Pool
from chat.connections.session import Session
from chat.errors import ChatError, CloseCode
from chat.protocol import encode, event
from common.paced_callbacks import PacedCallbacks
from handlers.base import Handler
from handlers.http.connection import Exchange, taken
from handlers.wire.compression import Deflater, Inflation, negotiate
from handlers.wire.link import Link
from handlers.wire.outbox_budget import OutboxBudget
from handlers.wire.traffic import Traffic
from limits.frame_budget import FrameBudget
from limits.ip_addresses import address_check
from limits.policy import Policy
from limits.shedding_policy import ShedClass
from monitor.observer import Observer

SUBPROTOCOL = "chat.v1"
BEARER = "bearer."
RETRY_FULL_S = 5
CONNECTION_ID_MAX = 128
# MacOS has none: there the missing pong ends it, later
UNACKED_MAX: int | None = getattr(socket, "TCP_USER_TIMEOUT", None)


@dataclass(frozen=True, slots=True)
class LinkConfig:
    """What every link gets: its bounds and what all links share."""

    max_message_bytes: int
    outbox_max_bytes: int
    budget: OutboxBudget
    traffic: Traffic
    paced_callbacks: PacedCallbacks
    frames: Policy | None  # how many a connection may send; None: as many as it likes
    deflater: Deflater | None  # None: no compression
    inflation: Inflation | None  # likewise
    unacked_max_s: float  # how long the kernel keeps unacknowledged bytes of a peer that is gone
    heartbeat_interval_s: float
    process_id: str
    now: Callable[[], float]  # monotonic seconds


Caller = Identity | ChatError | None  # of a connection: who its token speaks for, why that is refused, or nobody yet


class HandshakeResult(NamedTuple):
    """What was found out about a connection before its 101.

    `own` is the user as they see themselves; `has_slot`: see Pool.reserve_slot; `replaces`: the connection whose place
    it asked for.
    """

    connection_id: str
    address: str
    who: Caller
    own: dict[str, Any] | None
    has_slot: bool
    replaces: str | None


class ConnectionFactory:
    """Makes a connection of an accepted socket: link, session, place in the pool, welcome."""

    def __init__(self, *, pool: Pool, commands: Commands, link_config: LinkConfig, observer: Observer) -> None:
        self.pool = pool
        self._observer = observer
        self.link_config = link_config
        self._commands = commands
        self._numbers = itertools.count(1)

    def new_id(self) -> str:
        """The id of the next connection: it begins with the process's."""
        return f"{self.link_config.process_id}-{next(self._numbers)}"

    def open(self, sock: socket.socket, opening: HandshakeResult, *, deflate: bool) -> Session:
        """Take over a socket whose 101 is sent. Where the token was bad it is closed without a welcome."""
        link_config = self.link_config
        loop = asyncio.get_running_loop()
        link = Link(
            sock,
            loop=loop,
            max_message_bytes=link_config.max_message_bytes,
            outbox_max_bytes=link_config.outbox_max_bytes,
            budget=link_config.budget,
            traffic=link_config.traffic,
            paced_callbacks=link_config.paced_callbacks,
            clock=link_config.now,
            frame_budget=FrameBudget(link_config.frames) if link_config.frames is not None else None,
            deflater=link_config.deflater if deflate else None,
            inflation=link_config.inflation if deflate else None,
        )
        session = Session(
            link=link,
            connection_id=opening.connection_id,
            address=opening.address,
            commands=self._commands,
            observer=self._observer,
            loop=loop,
            on_peer_gone=self.pool.peer_gone,
            on_closed=self.pool.removed,
            opened_at=link_config.now(),
            replaces=opening.replaces,
        )
        self.pool.add(session)
        link.start(session)
        who = opening.who
        if isinstance(who, Identity) and self.pool.is_revoked(who.session_id):
            who = ChatError("unauthorized")
        if isinstance(who, ChatError):
            link.close(CloseCode.UNAUTHORIZED, who.code)
            return session
        if who is not None and not self._commands.admit(session, who, has_slot=opening.has_slot):
            return session
        welcome: dict[str, Any] = {
            "connectionId": session.connection_id,
            "processId": link_config.process_id,
            "heartbeatInterval": link_config.heartbeat_interval_s,
        }
        if opening.own is not None:
            welcome["user"] = opening.own
        link.send_text(event("welcome", encode(welcome)))
        return session


class ChatSocket(Handler, WebSocketHandler):
    """Admits and upgrades; lives no longer than the handshake."""

    connection_factory: ConnectionFactory

    def initialize(self, **services: Any) -> None:
        super().initialize(**services)
        self.connection_id: str | None = None  # once it is one
        self._who: Caller = None
        self._own: dict[str, Any] | None = None
        self._new_id = ""
        self._has_slot = False

    async def prepare(self) -> None:
        self.begin_span()
        self.set_header("X-Request-Id", self.request_id)
        check = address_check("connects", self.client)
        try:
            self._check_form()
        except ChatError:
            await self.count(check)  # it is refused for its form as often as it may connect
            raise
        self._check_capacity()  # not counted: nginx asks another process at once
        self.shed(ShedClass.ARRIVALS)
        await self.count(check)
        await self._find_out_who()

    def _methods(self) -> list[str]:
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

    def _check_capacity(self) -> None:
        if self.connection_factory.pool.draining:
            raise ChatError("unavailable", "This process is going down.", retry_after_s=1)
        if self.connection_factory.pool.is_full:
            raise ChatError("unavailable", "All places are taken.", retry_after_s=RETRY_FULL_S)

    async def _find_out_who(self) -> None:
        token = self._token()
        if token is None:
            return
        try:
            self._who = await self.web.accounts.identify(token)
        except ChatError as error:
            self._who = error
            return
        self._own = await self.web.accounts.profile(self._who.user.id)

    def _token(self) -> str | None:
        kind, _, token = self.request.headers.get("Authorization", "").partition(" ")
        if kind.lower() == "bearer":
            return token.strip()
        for offered in self._subprotocols():
            if offered.startswith(BEARER):
                return offered.removeprefix(BEARER)
        values = self.request.query_arguments.get("token")
        return values[-1].decode("ascii", "replace") if values else None

    def _subprotocols(self) -> list[str]:
        return [
            name.strip()
            for value in self.request.headers.get_list("Sec-WebSocket-Protocol")
            for name in value.split(",")
        ]

    async def get(self, *args: Any, **kwargs: Any) -> None:
        self._check_capacity()  # the places may have gone while the token was checked
        if not isinstance(self._who, Identity):
            await super().get(*args, **kwargs)
            return
        self._new_id = self.connection_factory.new_id()
        async with self.connection_factory.pool.reserve_slot(
            self._new_id, self._who.user.id, replaces=self._replaces()
        ) as self._has_slot:
            self._check_capacity()  # meanwhile a drain may have begun
            await super().get(*args, **kwargs)

    def _replaces(self) -> str | None:
        values = self.request.query_arguments.get("replaces")
        given = values[-1].decode("ascii", "replace") if values else ""
        return given if 0 < len(given) <= CONNECTION_ID_MAX else None  # longer than any: it names none

    def on_connection_close(self) -> None:
        super().on_connection_close()
        # Ends the wait for a body; Tornado's WebSocketHandler would let it wait for ever
        RequestHandler.on_connection_close(self)

    def check_origin(self, origin: str) -> bool:
        return True  # checked in prepare, by our own list

    def get_websocket_protocol(self) -> WebSocketProtocol | None:
        if self.request.headers.get("Sec-WebSocket-Version") != "13":
            return None
        connection_id = self._new_id or self.connection_factory.new_id()
        opening = HandshakeResult(connection_id, self.client, self._who, self._own, self._has_slot, self._replaces())
        return UpgradeProtocol(
            self, connection_factory=self.connection_factory, opening=opening, subprotocols=self._subprotocols()
        )


class UpgradeProtocol(WebSocketProtocol):
    """Tornado's seam: sends the 101 and takes the socket away; handler, request and buffers are let go."""

    def __init__(
        self,
        handler: ChatSocket,
        *,
        connection_factory: ConnectionFactory,
        opening: HandshakeResult,
        subprotocols: list[str],
    ) -> None:
        super().__init__(handler)
        self._connection_factory = connection_factory
        self._opening = opening
        self._subprotocol = SUBPROTOCOL if SUBPROTOCOL in subprotocols else None

    @property
    def selected_subprotocol(self) -> str | None:
        return self._subprotocol

    async def accept_connection(self, handler: WebSocketHandler) -> None:
        assert isinstance(handler, ChatSocket)
        session = self._take_over(handler)
        handler.set_status(101 if session is not None else 400)
        handler.connection_id = session.connection_id if session is not None else None
        handler._log()  # the access log's line: Tornado writes it in finish(), which an upgrade never reaches

    def _take_over(self, handler: ChatSocket) -> Session | None:
        """Answer and open the connection; None where it ended before that. Raises ChatError malformed, unavailable."""
        headers = handler.request.headers
        accept = WebSocketProtocol13.compute_accept_value(headers["Sec-WebSocket-Key"])
        lines = [
            "HTTP/1.1 101 Switching Protocols",
            "Upgrade: websocket",
            "Connection: Upgrade",
            f"Sec-WebSocket-Accept: {accept}",
        ]
        if self._subprotocol is not None:
            lines.append(f"Sec-WebSocket-Protocol: {self._subprotocol}")
        link_config = self._connection_factory.link_config
        extension = negotiate(headers.get("Sec-WebSocket-Extensions", "")) if link_config.deflater else None
        if extension is not None:
            lines.append(f"Sec-WebSocket-Extensions: {extension}")
        handler.ws_connection = None
        self.handler = None  # type: ignore[assignment]
        sock = _take(handler)
        if sock is None:
            return None
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if UNACKED_MAX is not None:
            sock.setsockopt(socket.IPPROTO_TCP, UNACKED_MAX, int(link_config.unacked_max_s * 1000))
        answer = ("\r\n".join(lines) + "\r\n\r\n").encode()
        try:
            complete = sock.send(answer) == len(answer)
        except OSError:
            complete = False
        if not complete:
            sock.close()
            return None
        return self._connection_factory.open(sock, self._opening, deflate=extension is not None)

    def _not_used(self, *_: Any, **__: Any) -> NoReturn:
        raise NotImplementedError  # after accept_connection Tornado has no part in the connection

    write_message = write_ping = is_closing = start_pinging = set_nodelay = _not_used
    _process_server_headers = _receive_frame_loop = _not_used

    def close(self, code: int | None = None, reason: str | None = None) -> None:
        """Nothing is left to close here."""


def _take(handler: ChatSocket) -> socket.socket | None:
    """Duplicate the connection's socket and let Tornado's go; None where it is closed.

    Raises ChatError, which the connection answers.
    """
    connection = handler.request.connection
    assert isinstance(connection, Exchange)
    if not connection.stream.closed() and connection.has_more_to_read:
        connection.end_after_reply()  # for what came is no request
        raise ChatError("malformed", "A client waits for the answer to its handshake.")  # RFC 6455 section 4.1
    sock = taken(connection.stream)
    if sock is None and not connection.stream.closed():
        raise ChatError("unavailable", "No descriptor is left.", retry_after_s=1)
    handler.detach().close()
    if sock is not None:
        sock.setblocking(False)
    return sock
