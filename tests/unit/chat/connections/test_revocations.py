"""Revoked logins: their connections are closed, and the newest revocations are remembered up to a bound."""

from __future__ import annotations

from typing import Any

import pytest

from chat.connections import revocations as revocations_module
from chat.connections.revocations import Revocations
from chat.errors import CloseCode
from cluster.events import SessionsRevoked


class Link:
    def __init__(self) -> None:
        self.closed_with: list[int] = []

    def close(self, code: int, reason: str) -> None:
        self.closed_with.append(code)


class Connection:
    def __init__(self, user_id: str, session_id: str) -> None:
        self.user_id = user_id
        self.session_id = session_id
        self.link = Link()


class Connections:
    """What revocations ask of a pool."""

    def __init__(self, *connections: Connection) -> None:
        self._connections = connections

    def sessions(self) -> list[Connection]:
        return list(self._connections)

    def sessions_of(self, user_id: str) -> list[Connection]:
        return [one for one in self._connections if one.user_id == user_id]


def revocations_of(*connections: Connection) -> Revocations:
    pool: Any = Connections(*connections)
    return Revocations(pool=pool)


def test_an_event_closes_the_connections_of_the_revoked_logins_alone() -> None:
    revoked, kept = Connection("ada", "s1"), Connection("ada", "s2")
    revocations = revocations_of(revoked, kept)
    revocations.on_sessions_revoked(SessionsRevoked("ada", ("s1",)))
    assert (revoked.link.closed_with, kept.link.closed_with) == ([CloseCode.REVOKED], [])
    assert [revocations.is_revoked(one) for one in ("s1", "s2")] == [True, False]


def test_revocations_that_were_read_close_connections_once_and_are_returned_once() -> None:
    ada, bob = Connection("ada", "s1"), Connection("bob", "s2")
    revocations = revocations_of(ada, bob)
    assert revocations.revoke(["s1", "s2", "s3"]) == ["s1", "s2", "s3"]
    assert revocations.revoke(["s1", "s2", "s3"]) == []
    assert (ada.link.closed_with, bob.link.closed_with) == ([CloseCode.REVOKED], [CloseCode.REVOKED])
    assert revocations.is_revoked("s3"), "also without a connection"


def test_past_the_bound_the_newest_revocations_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(revocations_module, "REVOKED_MAX", 3)
    revocations = revocations_of()
    for number in range(5):
        revocations.on_sessions_revoked(SessionsRevoked("ada", (f"s{number}",)))
    assert [revocations.is_revoked(f"s{number}") for number in range(5)] == [False, False, True, True, True]
