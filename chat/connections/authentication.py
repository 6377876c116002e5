"""Who becomes a connection's user: by the token of its handshake, or by the command authenticate, which also renews."""

from __future__ import annotations

import time
from collections.abc import Callable

from chat.connections.connection_pool import Pool
from chat.connections.revocations import Revocations
from chat.connections.session import Session
from chat.errors import ChatError
from chat.logins import Identity, Logins
from chat.presence.presence import Presence
from chat.presence.room_loader import RoomLoader
from chat.request_inputs.connection import Authenticate
from chat.request_results.people import Authenticated
from common.rfc3339 import rfc3339


class ConnectionAuthentication:
    """Binds connections to users, within the cap on one user's connections, for as long as their tokens are valid."""

    def __init__(
        self,
        *,
        logins: Logins,
        pool: Pool,
        presence: Presence,
        room_loader: RoomLoader,
        revocations: Revocations,
        now_ms: Callable[[], int],
    ) -> None:
        self._logins = logins
        self._pool = pool
        self._presence = presence
        self._room_loader = room_loader
        self._revocations = revocations
        self._now_ms = now_ms

    async def authenticate(self, session: Session, body: Authenticate) -> Authenticated:
        """Bind the connection to the token's user, or renew it. Raises ChatError; the connection is then as it was."""
        # All is read before anything is changed, so that a failure leaves the connection as it was.
        identity, account = await self._logins.identify_own(body.token)
        user_id = identity.user.id
        if session.user is not None and session.user_id != user_id:
            raise ChatError("forbidden", "This connection belongs to another user.")
        if session.user is not None:
            self._require_standing(identity)
            self._hold(session, identity)
        else:
            async with self._pool.reserve_slot(session.connection_id, user_id, replaces=session.replaces) as has_slot:
                if not self.admit(session, identity, has_slot=has_slot):
                    raise ChatError("forbidden", "Too many connections.")
        return Authenticated(account, rfc3339(identity.expires_at_ms))

    def admit(self, session: Session, identity: Identity, *, has_slot: bool) -> bool:
        """Bind the connection to the user. Returns False if the user has too many; then the pool has closed it.

        To be called within Pool.reserve_slot, which yields `has_slot` and frees the slot after a failure. Raises
        ChatError unauthorized if the session was revoked meanwhile.
        """
        self._require_standing(identity)
        if not self._pool.bind(session, identity.user, has_slot=has_slot):
            return False
        self._hold(session, identity)
        if self._presence.connected(identity.user):
            self._room_loader.load(identity.user.id)
        return True

    def _require_standing(self, identity: Identity) -> None:
        if self._revocations.is_revoked(identity.session_id):
            raise ChatError("unauthorized")

    def _hold(self, session: Session, identity: Identity) -> None:
        """Set the end of the connection to the end of its token, in monotonic time: later clock steps do not matter."""
        session.renew(identity.session_id, time.monotonic() + (identity.expires_at_ms - self._now_ms()) / 1000)
