"""Requests to compare memberships with the store, made by parts that are built before the AccessAudit."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from cluster.events import MembershipEnded

PAIRS_MAX = 100_000  # that wait for `start`; past them everything is audited


class Auditor(Protocol):
    """What serves the requests: chat/access_audit.py."""

    def room(self, room_id: str) -> None: ...

    def members(self, pairs: Iterable[tuple[str, str]]) -> None: ...

    def audit_all(self) -> None: ...

    def on_not_member(self, ended: MembershipEnded) -> None: ...


class AuditRequests:
    """Keeps requests until `start`, then passes each on at once. Bounded by `PAIRS_MAX`."""

    def __init__(self) -> None:
        self._auditor: Auditor | None = None
        self._waiting: dict[tuple[str, str], None] = {}  # (room id, user id), until `start`
        self._rooms: dict[str, None] = {}  # likewise
        self._everything = False  # likewise

    def start(self, auditor: Auditor) -> None:
        """Pass requests on to `auditor`, first those that wait. Raises RuntimeError when called twice."""
        if self._auditor is not None:
            raise RuntimeError("the requests have an auditor already")
        self._auditor = auditor
        if self._everything:
            auditor.audit_all()
        for room_id in self._rooms:
            auditor.room(room_id)
        if self._waiting:
            auditor.members(list(self._waiting))
        self._waiting.clear()
        self._rooms.clear()

    def room(self, room_id: str) -> None:
        """Memberships of this room may have changed without an event that reached this process."""
        if self._auditor is not None:
            self._auditor.room(room_id)
        elif len(self._rooms) < PAIRS_MAX:
            self._rooms[room_id] = None
        else:
            self._everything = True

    def members(self, pairs: Iterable[tuple[str, str]]) -> None:
        """These memberships, (room id, user id), may have ended."""
        if self._auditor is not None:
            self._auditor.members(pairs)
            return
        for pair in pairs:
            if len(self._waiting) >= PAIRS_MAX:
                self._everything = True
                return
            self._waiting[pair] = None

    def audit_all(self) -> None:
        """Any membership may have begun or ended."""
        if self._auditor is not None:
            self._auditor.audit_all()
        else:
            self._everything = True

    def on_not_member(self, ended: MembershipEnded) -> None:
        """The store said, when it was asked for something else, that this user is no member of the room."""
        if self._auditor is not None:
            self._auditor.on_not_member(ended)
        else:
            self.members([(ended.room_id, ended.user_id)])
