"""/ws without Tornado: carries out handshakes of the ordinary form on the bare socket.

A herd of clients that comes back sends thousands of the same handshake. Tornado's stream, connection, request and
handler for each of them were two thirds of its CPU, and what they left between the objects that stay was most of a
connection's memory (bench: idle). All checks are those of the handler (websocket_handshake.py), in its order. Whatever
is to be refused is left to the handler, which knows how a refusal is answered.
"""

from __future__ import annotations

import time

from msgspec import structs

from chat.connections.session import Session
from chat.errors import ChatError, limit_refusal
from chat.logins import Identity
from chat.request_context import RequestContext
from handlers.access_log import log_handshake
from handlers.http.server_contract import Arrival, Counted
from handlers.http.upgrade_request import UpgradeRequest
from handlers.origin_check import origin_allowed
from handlers.shared_services import SharedServices
from handlers.websocket_admission import check_capacity, identify, offered_token, replaced_id, take_over
from handlers.websocket_connection_factory import HandshakeResult, WebSocketConnectionFactory
from handlers.wire.socket_probe import unread_bytes
from limits.ip_addresses import address_check
from limits.load_shedding import ShedClass


class WebSocketUpgrades:
    """Carries out handshakes for `path`; see handlers.http.server_contract.Upgrades."""

    def __init__(self, *, path: str, shared: SharedServices, factory: WebSocketConnectionFactory) -> None:
        self.path = path
        self._shared = shared
        self._factory = factory

    async def take(self, arrival: Arrival, request: UpgradeRequest) -> bool:
        """Carry out one handshake. Raises ChatError, StoreError, Counted: what the handler is to answer."""
        began_at = time.monotonic()
        shared, fields, peer = self._shared, request.fields, arrival.peer
        client = shared.clients.address(peer, _values(fields.get("x-forwarded-for")))
        if "origin" in fields and not self._is_own_or_allowed_origin(peer, request):
            return False
        check_capacity(self._factory.pool)
        shared.limits.shed(ShedClass.ARRIVALS)
        check = address_check("connects", client)
        decision = await shared.limits.check(RequestContext(client, "rest", None), check)
        if not decision.allowed:
            raise limit_refusal(decision)
        try:
            session = await self._admit(arrival, client, request)
        except Exception as error:
            raise Counted(error, decision) from error
        log_handshake(shared.observer, path=self.path, session=session, began_at=began_at, client=client)
        return True

    def _is_own_or_allowed_origin(self, peer: str, request: UpgradeRequest) -> bool:
        fields = request.fields
        scheme = self._shared.clients.scheme(peer, _values(fields.get("x-forwarded-proto")))
        return origin_allowed(fields["origin"], fields["host"], self._shared.cors_origins, scheme)

    async def _admit(self, arrival: Arrival, client: str, request: UpgradeRequest) -> Session | None:
        """Identify the caller and open the connection; None if the client is gone. Raises ChatError, StoreError."""
        fields, query, factory = request.fields, request.query, self._factory
        subprotocols = [name.strip() for name in fields.get("sec-websocket-protocol", "").split(",")]
        token = offered_token(fields.get("authorization", ""), subprotocols, query.get("token"))
        caller, profile = await identify(self._shared, token)
        check_capacity(factory.pool)  # the last place may have been taken while the token was checked
        handshake = HandshakeResult(
            connection_id=factory.new_id(),
            address=client,
            caller=caller,
            profile=profile,
            has_slot=False,
            replaces=replaced_id(query.get("replaces")),
        )
        if not isinstance(caller, Identity):
            return self._open(arrival, request, handshake, subprotocols)
        async with factory.pool.reserve_slot(
            handshake.connection_id, caller.user.id, replaces=handshake.replaces
        ) as has_slot:
            check_capacity(factory.pool)  # a drain may have begun in the meantime
            return self._open(arrival, request, structs.replace(handshake, has_slot=has_slot), subprotocols)

    def _open(
        self, arrival: Arrival, request: UpgradeRequest, handshake: HandshakeResult, subprotocols: list[str]
    ) -> Session | None:
        """Take the socket; None if the client is gone."""
        if arrival.has_more and unread_bytes(arrival.sock):
            raise ChatError("malformed", "A client waits for the answer to its handshake.")  # RFC 6455 section 4.1
        fields = request.fields
        session = take_over(
            self._factory,
            arrival.sock,
            handshake,
            key=fields["sec-websocket-key"],
            subprotocols=subprotocols,
            extensions=fields.get("sec-websocket-extensions", ""),
        )
        if session is None:
            arrival.drop()
        return session


def _values(field: str | None) -> list[str]:
    return [] if field is None else [field]
