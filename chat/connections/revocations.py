"""Revoked logins: their connections are closed, and no connection is admitted under one."""

from __future__ import annotations

from collections.abc import Iterable

from chat.connections.connection_pool import Pool
from chat.errors import CloseCode
from cluster.events import SessionsRevoked

REVOKED_MAX = 10_000  # the newest are kept, for connections that are being admitted at that moment


class Revocations:
    """The session ids that were revoked lately, at most `REVOKED_MAX`."""

    def __init__(self, *, pool: Pool) -> None:
        self._pool = pool
        self._revoked: dict[str, None] = {}

    def is_revoked(self, session_id: str) -> bool:
        """Whether a login was revoked lately, perhaps after its token was found good."""
        return session_id in self._revoked

    def on_sessions_revoked(self, happening: SessionsRevoked) -> None:
        """Close the connections of revoked logins."""
        revoked = dict.fromkeys(happening.session_ids)
        self._revoked |= revoked
        while len(self._revoked) > REVOKED_MAX:
            del self._revoked[next(iter(self._revoked))]
        for session in self._pool.sessions_of(happening.user_id):
            if session.session_id in revoked:
                session.link.close(CloseCode.REVOKED, "session revoked")

    def revoke(self, session_ids: Iterable[str]) -> list[str]:
        """Close the connections of logins that the store says are revoked; returns those that were not known yet."""
        added = [session_id for session_id in session_ids if session_id not in self._revoked]
        if added:
            found = set(added)
            users = {session.user_id for session in self._pool.sessions() if session.session_id in found}
            for user_id in users or {""}:
                self.on_sessions_revoked(SessionsRevoked(user_id, tuple(added)))
        return added
