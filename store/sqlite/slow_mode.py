"""How long a member has to wait in a room with slow mode, within the transaction that appends."""

from __future__ import annotations

import apsw

from store.models import Role
from store.room_rules import wait_s
from store.sqlite.rows import fetch_one

_SENDER = "SELECT role, sent_at, joined_at FROM members WHERE room_id = ? AND user_id = ?"
# Of who came (back) lately the row does not know what they sent before.
_EARLIER = """
SELECT max(created_at) FROM (SELECT user_id, created_at FROM messages WHERE room_id = ?1 ORDER BY seq DESC LIMIT ?3)
WHERE user_id = ?2"""
EARLIER_MAX = 1000  # messages: some 1 ms


def slow_mode_wait_s(
    connection: apsw.Connection, room_id: str, user_id: str, *, slow_mode_s: int, now_ms: int, sent_now: bool
) -> int:
    """Seconds until the member may send the next message; 0: now. Moderators never wait.

    `sent_now`: the transaction has stored a message of theirs, which their row does not show yet.
    """
    row = fetch_one(connection, _SENDER, (room_id, user_id))
    if row is None or row[0] != Role.MEMBER:
        return 0
    _, sent_at, joined_at = row
    slow_mode_ms = slow_mode_s * 1000
    if sent_now:
        sent_at = now_ms
    elif sent_at is None and joined_at > now_ms - slow_mode_ms:
        earlier = fetch_one(connection, _EARLIER, (room_id, user_id, EARLIER_MAX))
        sent_at = None if earlier is None else earlier[0]
    return 0 if sent_at is None else wait_s(sent_at, slow_mode_ms=slow_mode_ms, now_ms=now_ms)
