"""What a WebSocket handshake takes, whoever has read its head: capacity, its token's user, the 101, socket options.

The handler (websocket_handshake.py) and the direct way (websocket_upgrades.py) both use it.
"""

from __future__ import annotations

import base64
import hashlib
import socket
from collections.abc import Iterable, Sequence

from chat.connections.connection_pool import Pool
from chat.connections.session import Session
from chat.errors import ChatError
from chat.request_results.people import OwnUser
from handlers.shared_services import SharedServices
from handlers.websocket_connection_factory import Caller, HandshakeResult, WebSocketConnectionFactory
from handlers.wire.compression import negotiate

SUBPROTOCOL = "chat.v1"
BEARER = "bearer."
RETRY_FULL_S = 5
CONNECTION_ID_MAX = 128
_GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455 section 1.3
# Missing on macOS, where the heartbeat sweep closes the connection later, for a missing pong
_USER_TIMEOUT: int | None = getattr(socket, "TCP_USER_TIMEOUT", None)
# The 101 leaves with what is sent behind it, welcome or Close, which follows at once. Missing on macOS
_MORE: int = getattr(socket, "MSG_MORE", 0)


def check_capacity(pool: Pool) -> None:
    """Raise ChatError unavailable if the process stops or is full."""
    if pool.is_draining:
        raise ChatError("unavailable", "This process is going down.", retry_after_s=1)
    if pool.is_full:
        raise ChatError("unavailable", "All places are taken.", retry_after_s=RETRY_FULL_S)


def offered_token(authorization: str, subprotocols: Iterable[str], query: str | None) -> str | None:
    """Return the token of a handshake: of its header, else its subprotocols, else its query; None without one."""
    kind, _, token = authorization.partition(" ")
    if kind.lower() == "bearer":
        return token.strip()
    for offered in subprotocols:
        if offered.startswith(BEARER):
            return offered.removeprefix(BEARER)
    return query


async def identify(shared: SharedServices, token: str | None) -> tuple[Caller, OwnUser | None]:
    """Return the token's user and profile, or what is wrong with the token. Raises ChatError, StoreError."""
    if token is None:
        return None, None
    try:
        return await shared.logins.identify_own(token)
    except ChatError as error:
        return error, None


def replaced_id(value: str | None) -> str | None:
    """Return the id of the connection that is to be replaced, None where that is not the id of one."""
    return value if value is not None and 0 < len(value) <= CONNECTION_ID_MAX else None  # ids are shorter


def take_over(
    factory: WebSocketConnectionFactory,
    sock: socket.socket,
    handshake: HandshakeResult,
    *,
    key: str,
    subprotocols: Sequence[str],
    extensions: str,
) -> Session | None:
    """Send the 101 and open the connection, which owns the socket then; None if the client is gone, whose socket is
    the caller's to close.
    """
    lines = [
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade",
        f"Sec-WebSocket-Accept: {_accept(key)}",
    ]
    if SUBPROTOCOL in subprotocols:
        lines.append(f"Sec-WebSocket-Protocol: {SUBPROTOCOL}")
    config = factory.link_config
    extension = negotiate(extensions) if config.deflater else None
    if extension is not None:
        lines.append(f"Sec-WebSocket-Extensions: {extension}")
    lines.append("\r\n")
    answer = "\r\n".join(lines).encode()
    try:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if _USER_TIMEOUT is not None:
            sock.setsockopt(socket.IPPROTO_TCP, _USER_TIMEOUT, int(config.unacked_max_s * 1000))
        is_complete = sock.send(answer, _MORE) == len(answer)
    except OSError:
        is_complete = False
    if not is_complete:
        return None
    return factory.open(sock, handshake, deflate=extension is not None)


def _accept(key: str) -> str:
    """Return Sec-WebSocket-Accept (RFC 6455 section 4.2.2)."""
    return base64.b64encode(hashlib.sha1((key + _GUID).encode(), usedforsecurity=False).digest()).decode()
