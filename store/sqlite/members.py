"""The members table: each user's role and read position in a room. Joins and leaves add entries to the changes log."""

from __future__ import annotations

from collections.abc import Sequence

import apsw

from store.audit_notes import invitation_note
from store.errors import Missing, Refused
from store.list_cursors import cursor_of_name, name_of_cursor, prefix_range
from store.models import (
    Actor,
    Member,
    Membership,
    MembershipChange,
    ReadState,
    Refusal,
    Role,
    Room,
    Standing,
    read_state,
)
from store.room_rules import require_inviter, require_open_to_new, role_of_joiner
from store.sqlite.audit import record_audit
from store.sqlite.blocks import has_blocked
from store.sqlite.changes import record
from store.sqlite.database import Database
from store.sqlite.rows import (
    MEMBERSHIP_COLUMNS,
    ROOM_COLUMNS,
    Row,
    as_json,
    fetch,
    fetch_one,
    membership_from,
    room_from,
)

_MEMBERSHIP = f"""
SELECT {MEMBERSHIP_COLUMNS}, (SELECT max(seq) FROM messages WHERE room_id = ?1)
FROM members m WHERE m.room_id = ?1 AND m.user_id = ?2"""

_STANDING_ROOMS = f"SELECT {ROOM_COLUMNS} FROM json_each(?1) wanted JOIN rooms r ON r.id = wanted.value"
_STANDINGS = f"""
SELECT m.room_id, m.user_id, {MEMBERSHIP_COLUMNS} FROM json_each(?1) wanted
JOIN members m ON m.room_id = wanted.value ->> 0 AND m.user_id = wanted.value ->> 1"""

_LIST = """
SELECT m.user_id, u.username, u.display_name, m.role, m.username_folded
FROM members m JOIN users u ON u.id = m.user_id
WHERE m.room_id = ?1 AND m.username_folded > ?2 AND m.username_folded >= ?3 AND m.username_folded < ?4
ORDER BY m.username_folded LIMIT ?5"""

_BANNED = "SELECT 1 FROM bans WHERE room_id = ? AND user_id = ? AND (expires_at IS NULL OR expires_at > ?)"

# The next owner, never a bot: another owner if there is one, else a moderator, else a member; of equals the
# longest-standing.
_SUCCESSOR = """
SELECT m.user_id, m.role FROM members m JOIN users u ON u.id = m.user_id
WHERE m.room_id = ?1 AND u.bot_room_id IS NULL
ORDER BY CASE m.role WHEN 'owner' THEN 0 WHEN 'moderator' THEN 1 ELSE 2 END, m.joined_rev LIMIT 1"""

_STANDS = "SELECT bot_room_id FROM users WHERE id = ? AND id NOT IN (SELECT account_id FROM ended_accounts)"


class SqliteMembers:
    """store.contract.Members on SQLite."""

    def __init__(self, *, database: Database) -> None:
        self._database = database

    async def get(self, room_id: str, user_id: str) -> Membership | None:
        return await self._database.read("members.get", lambda connection: membership_of(connection, room_id, user_id))

    async def standings(self, pairs: Sequence[tuple[str, str]]) -> list[Standing | None]:
        wanted, wanted_rooms = as_json(pairs), as_json(list({room_id for room_id, _ in pairs}))

        def operation(connection: apsw.Connection) -> list[Standing | None]:
            rooms = {room.id: room for room in map(room_from, fetch(connection, _STANDING_ROOMS, (wanted_rooms,)))}
            found = {(row[0], row[1]): row[2:] for row in fetch(connection, _STANDINGS, (wanted,))}
            return [_standing(rooms.get(pair[0]), found.get(pair)) for pair in pairs]

        return await self._database.read("members.standings", operation)

    async def add(
        self, room_id: str, user_id: str, *, role: Role = Role.MEMBER, actor: Actor | None = None
    ) -> MembershipChange:
        def operation(connection: apsw.Connection) -> MembershipChange:
            now_ms = self._database.clock()
            if actor is None:
                return join(connection, room_id, user_id, role=role, now_ms=now_ms)
            room, actors_role = require_room(connection, room_id), role_in(connection, room_id, actor.user_id)
            require_inviter(room, actor, actors_role)
            if has_blocked(connection, user_id, actor.user_id):
                raise Refused(Refusal.FORBIDDEN)
            change = join(connection, room_id, user_id, role=role, now_ms=now_ms)
            if change.changed and (note := invitation_note(room, actor, actors_role, user_id=user_id)) is not None:
                record_audit(connection, room_id, note, now_ms=now_ms)
            return change

        return await self._database.write("members.add", operation)

    async def remove(self, room_id: str, user_id: str) -> MembershipChange:
        return await self._database.write(
            "members.remove", lambda connection: leave(connection, room_id, user_id, now_ms=self._database.clock())
        )

    async def list(
        self, room_id: str, *, limit: int, after: str | None, prefix: str = ""
    ) -> tuple[list[Member], str | None]:
        above, (first, end) = name_of_cursor(after), prefix_range(prefix)

        def operation(connection: apsw.Connection) -> tuple[list[Member], str | None]:
            rows = fetch(connection, _LIST, (room_id, above, first, end, limit + 1))
            following = cursor_of_name(rows[limit - 1][4]) if len(rows) > limit else None
            return [
                Member(user_id=row[0], username=row[1], display_name=row[2], role=Role(row[3])) for row in rows[:limit]
            ], following

        return await self._database.read("members.list", operation)

    async def mark_read(self, room_id: str, user_id: str, seq: int) -> ReadState | None:
        def operation(connection: apsw.Connection) -> ReadState | None:
            connection.execute(
                """UPDATE members SET read_seq = h.seq
                   FROM (SELECT min(?3, coalesce(max(seq), 0)) AS seq FROM messages WHERE room_id = ?1) h
                   WHERE room_id = ?1 AND user_id = ?2 AND read_seq < h.seq""",
                (room_id, user_id, seq),
            )
            membership = membership_of(connection, room_id, user_id)
            if membership is None:
                return None
            return read_state(room_id, membership)

        return await self._database.write("members.mark_read", operation)


def _standing(room: Room | None, row: Row | None) -> Standing | None:
    if room is None:
        return None
    return Standing(room, None if row is None else membership_from(row, room.last_seq))


def room_row(connection: apsw.Connection, room_id: str) -> Row | None:
    """A room's ROOM_COLUMNS."""
    row: Row | None = fetch_one(connection, f"SELECT {ROOM_COLUMNS} FROM rooms r WHERE r.id = ?", (room_id,))
    return row


def insert_member(
    connection: apsw.Connection, room_id: str, user_id: str, *, role: Role, read_seq: int, joined_rev: int, now_ms: int
) -> None:
    """Insert the row only: the caller updates the count and the changes log. A trigger sets a mute that goes on.

    Raises Missing("user"), Refused for a bot of another room, which a trigger keeps out.
    """
    connection.execute(
        """INSERT INTO members (room_id, user_id, username_folded, role, read_seq, joined_at, joined_rev)
           SELECT ?1, id, username_folded, ?3, ?4, ?5, ?6 FROM users WHERE id = ?2""",
        (room_id, user_id, role.value, read_seq, now_ms, joined_rev),
    )
    if not connection.changes():
        if fetch_one(connection, _STANDS, (user_id,)) is None:
            raise Missing("user")
        raise Refused(Refusal.FORBIDDEN)


def join(connection: apsw.Connection, room_id: str, user_id: str, *, role: Role, now_ms: int) -> MembershipChange:
    """Add a member, update the count and add an entry to the changes log. Raises Missing, Refused, RoomFull."""
    room = require_room(connection, room_id)
    membership = membership_of(connection, room_id, user_id)
    if membership is not None:
        return MembershipChange(room=room, membership=membership, changed=False, rev=room.rev)
    user = fetch_one(connection, _STANDS, (user_id,))
    if user is None:
        raise Missing("user")
    require_open_to_new(room, is_banned=is_banned(connection, room_id, user_id, now_ms=now_ms))
    rev = room.rev + 1
    role = role_of_joiner(room, role, is_bot=user[0] is not None)
    is_owner = role is Role.OWNER
    record(connection, room_id, rev=rev, now_ms=now_ms, is_settings=is_owner)
    insert_member(connection, room_id, user_id, role=role, read_seq=room.last_seq, joined_rev=rev, now_ms=now_ms)
    connection.execute(
        "UPDATE rooms SET member_count = member_count + 1, owner_id = iif(?2, ?3, owner_id) WHERE id = ?1",
        (room_id, is_owner, user_id),
    )
    return MembershipChange(
        room=require_room(connection, room_id),
        membership=membership_of(connection, room_id, user_id),
        changed=True,
        rev=rev,
        has_new_owner=is_owner,
    )


def leave(connection: apsw.Connection, room_id: str, user_id: str, *, now_ms: int) -> MembershipChange:
    """End a membership, and add an entry to the changes log. Raises Missing("room")."""
    room = require_room(connection, room_id)
    promoted = end_membership(connection, room_id, user_id)
    if promoted is None:
        return MembershipChange(room=room, membership=None, changed=False, rev=room.rev)
    return membership_change(connection, room, user_id, now_ms=now_ms, promoted=promoted)


def membership_change(
    connection: apsw.Connection,
    before: Room,
    user_id: str,
    *,
    now_ms: int,
    promoted: tuple[str, ...] = (),
    demoted: tuple[str, ...] = (),
) -> MembershipChange:
    """Add the entry to the changes log for rows that were written. `before` is the room before it.

    An entry by which the room has another owner is of its settings too: all who see the room are told.
    """
    owner = fetch_one(connection, "SELECT owner_id FROM rooms WHERE id = ?", (before.id,))
    has_new_owner = owner is not None and owner[0] != before.owner_id
    record(connection, before.id, rev=before.rev + 1, now_ms=now_ms, is_settings=has_new_owner)
    return MembershipChange(
        room=require_room(connection, before.id),
        membership=membership_of(connection, before.id, user_id),
        changed=True,
        rev=before.rev + 1,
        user_ids_promoted=promoted,
        user_ids_demoted=demoted,
        has_new_owner=has_new_owner,
    )


def end_membership(connection: apsw.Connection, room_id: str, user_id: str) -> tuple[str, ...] | None:
    """Delete the row, update the count, and promote a successor of an owner. A trigger keeps a mute.

    The caller adds the entry to the changes log. Returns the ids of promoted users; None for a non-member.
    """
    gone = fetch(connection, "DELETE FROM members WHERE room_id = ? AND user_id = ? RETURNING role", (room_id, user_id))
    if not gone:
        return None
    connection.execute("UPDATE rooms SET member_count = member_count - 1 WHERE id = ?", (room_id,))
    return _promote_successor(connection, room_id, user_id) if gone[0][0] == Role.OWNER else ()


def _promote_successor(connection: apsw.Connection, room_id: str, owner_id: str) -> tuple[str, ...]:
    """Give the room a new owner, none if it has no members left. Returns the ids of promoted users."""
    successor = fetch_one(connection, _SUCCESSOR, (room_id,))
    successor_id, role = successor if successor is not None else (None, None)
    connection.execute("UPDATE rooms SET owner_id = ? WHERE id = ? AND owner_id = ?", (successor_id, room_id, owner_id))
    if successor_id is None or role == Role.OWNER:
        return ()
    connection.execute("UPDATE members SET role = 'owner' WHERE room_id = ? AND user_id = ?", (room_id, successor_id))
    return (successor_id,)


def require_room(connection: apsw.Connection, room_id: str) -> Room:
    """The room. Raises Missing("room")."""
    row = room_row(connection, room_id)
    if row is None:
        raise Missing("room")
    return room_from(row)


def membership_of(connection: apsw.Connection, room_id: str, user_id: str) -> Membership | None:
    """The user's membership, None for a non-member."""
    row = fetch_one(connection, _MEMBERSHIP, (room_id, user_id))
    return None if row is None else membership_from(row, row[5] or 0)


def is_banned(connection: apsw.Connection, room_id: str, user_id: str, *, now_ms: int) -> bool:
    """Whether the user is banned from the room now."""
    return fetch_one(connection, _BANNED, (room_id, user_id, now_ms)) is not None


def role_in(connection: apsw.Connection, room_id: str, user_id: str) -> Role | None:
    """The user's role in the room; None for a non-member."""
    row = fetch_one(connection, "SELECT role FROM members WHERE room_id = ? AND user_id = ?", (room_id, user_id))
    return None if row is None else Role(row[0])
