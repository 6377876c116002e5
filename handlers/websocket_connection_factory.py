"""Makes the connection of a socket after its WebSocket handshake: link, session, entry in the pool, welcome event."""

from __future__ import annotations

import asyncio
import itertools
import socket
from collections.abc import Callable

import msgspec

from chat.codec import Codec
from chat.connections.authentication import ConnectionAuthentication
from chat.connections.command_table import Commands
from chat.connections.connection_pool import Pool
from chat.connections.revocations import Revocations
from chat.connections.session import Session
from chat.errors import ChatError, CloseCode
from chat.events import Welcome
from chat.logins import Identity
from chat.request_results.people import OwnUser
from common.paced_callbacks import PacedCallbacks
from handlers.wire.compression import Deflater, Inflation
from handlers.wire.total_outbox_budget import OutboxBudget
from handlers.wire.traffic_counts import Traffic
from handlers.wire.websocket_link import WebSocketLink
from limits.frame_rate_limit import FrameBudget
from limits.limit_policy import Policy
from monitor.observer import Observer


class LinkConfig(msgspec.Struct, frozen=True):
    """The bounds of every link, and the parts that all links share."""

    max_message_bytes: int
    outbox_max_bytes: int
    budget: OutboxBudget
    traffic: Traffic
    paced_callbacks: PacedCallbacks
    frames: Policy | None  # how many frames a connection may send; None: any number
    deflater: Deflater | None  # None: no compression
    inflation: Inflation | None  # None: no compression
    unacked_max_s: float  # how long the kernel waits for a peer to acknowledge bytes (TCP_USER_TIMEOUT)
    heartbeat_interval_s: float
    process_id: str
    now: Callable[[], float]  # monotonic seconds


# The user of the handshake's token, or the error of the token; None: the handshake had no token
Caller = Identity | ChatError | None


class HandshakeResult(msgspec.Struct, frozen=True):
    """The results of the handshake.

    `profile` is the user's own profile, None if `caller` is not a user. `has_slot`: see `Pool.reserve_slot`. `replaces`
    is the id of the connection that this one is to replace.
    """

    connection_id: str
    address: str
    caller: Caller
    profile: OwnUser | None
    has_slot: bool
    replaces: str | None


class WebSocketConnectionFactory:
    """Makes the connections of a process."""

    def __init__(
        self,
        *,
        pool: Pool,
        revocations: Revocations,
        authentication: ConnectionAuthentication,
        commands: Commands,
        link_config: LinkConfig,
        codec: Codec,
        observer: Observer,
    ) -> None:
        self.pool = pool
        self._revocations = revocations
        self._observer = observer
        self.link_config = link_config
        self._authentication = authentication
        self._commands = commands
        self._codec = codec
        self._numbers = itertools.count(1)
        # Made once: each mention of a method makes another object, which the session would keep
        self._on_peer_gone, self._on_closed = pool.peer_gone, pool.removed

    def new_id(self) -> str:
        """Return an id for the next connection; it begins with the process's id."""
        return f"{self.link_config.process_id}-{next(self._numbers)}"

    def open(self, sock: socket.socket, handshake: HandshakeResult, *, deflate: bool) -> Session:
        """Open the connection of a socket after its 101; with an invalid token or without a slot, close it."""
        link_config = self.link_config
        loop = asyncio.get_running_loop()

        def make_session(link: WebSocketLink[Session]) -> Session:
            return Session(
                link=link,
                connection_id=handshake.connection_id,
                address=handshake.address,
                commands=self._commands,
                codec=self._codec,
                observer=self._observer,
                loop=loop,
                on_peer_gone=self._on_peer_gone,
                on_closed=self._on_closed,
                opened_at=link_config.now(),
                replaces=handshake.replaces,
            )

        link = WebSocketLink(
            sock,
            make_owner=make_session,
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
        session = link.owner
        self.pool.add(session)
        link.start()
        caller = handshake.caller
        if isinstance(caller, Identity) and self._revocations.is_revoked(caller.session_id):
            caller = ChatError("unauthorized")
        if isinstance(caller, ChatError):
            link.close(CloseCode.UNAUTHORIZED, caller.code)
            return session
        if caller is not None and not self._authentication.admit(session, caller, has_slot=handshake.has_slot):
            return session
        welcome = Welcome(
            connection_id=session.connection_id,
            process_id=link_config.process_id,
            heartbeat_interval=link_config.heartbeat_interval_s,
            user=handshake.profile,
        )
        link.send_text(self._codec.event(welcome))
        return session
