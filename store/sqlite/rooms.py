"""The rooms table: creating, finding and counting rooms. members.py has the memberships."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import apsw

from common.rfc3339 import rfc3339
from store.errors import Missing, Refused
from store.ids import make_id
from store.list_cursors import place_of_cursor
from store.models import (
    Actor,
    Head,
    Refusal,
    Role,
    Room,
    RoomChange,
    RoomDraft,
    RoomPatch,
    RoomStats,
    Standing,
    User,
)
from store.sqlite.blocks import has_blocked
from store.sqlite.database import Database
from store.sqlite.deleted_rooms import DeletedRooms, delete_room
from store.sqlite.members import insert_member, join, room_row
from store.sqlite.room_settings import update_settings
from store.sqlite.rows import (
    MEMBERSHIP_COLUMNS,
    ROOM_COLUMNS,
    USER_COLUMNS,
    as_json,
    fetch,
    fetch_one,
    room_from,
    standing_from,
    user_from,
)

_IDS_MAX = 100_000

_GET_FOR = f"""
SELECT {ROOM_COLUMNS}, {MEMBERSHIP_COLUMNS}
FROM rooms r LEFT JOIN members m ON m.room_id = r.id AND m.user_id = ?2 WHERE r.id = ?1"""

# instr, not LIKE, because a client's text must not contain wildcards.
_LIST_MINE = f"""
SELECT {ROOM_COLUMNS}, {MEMBERSHIP_COLUMNS}, r.n FROM members m JOIN rooms r ON r.id = m.room_id
WHERE m.user_id = ?1 AND r.n < ?2 AND (?3 = '' OR instr(r.name_folded, ?3)) ORDER BY r.n DESC LIMIT ?4"""
_LIST_ALL = f"""
SELECT {ROOM_COLUMNS}, {MEMBERSHIP_COLUMNS}, r.n FROM rooms r LEFT JOIN members m ON m.room_id = r.id AND m.user_id = ?1
WHERE r.n < ?2 AND (r.is_private = 0 OR m.user_id IS NOT NULL) AND (?3 = '' OR instr(r.name_folded, ?3))
ORDER BY r.n DESC LIMIT ?4"""

_HEADS = """
SELECT r.id, (SELECT max(seq) FROM messages WHERE room_id = r.id), (SELECT max(rev) FROM changes WHERE room_id = r.id)
FROM json_each(?1) wanted JOIN rooms r ON r.id = wanted.value"""

_MEMBER_COUNTS = "SELECT r.id, r.member_count FROM json_each(?1) wanted JOIN rooms r ON r.id = wanted.value"

_JOINED_BY_EACH = """
SELECT m.user_id, m.room_id,
m.joined_rev FROM json_each(?1) wanted CROSS JOIN members m ON m.user_id = wanted.value LIMIT ?2"""

_NAMES = """
SELECT r.id, r.name FROM members m CROSS JOIN rooms r ON r.id = m.room_id WHERE m.user_id = ? LIMIT ?"""

# The key has the ids of both people, with a space between them.
_PEERS = f"""
SELECT {USER_COLUMNS}, wanted.key FROM json_each(?1) wanted CROSS JOIN rooms r ON r.id = wanted.value ->> 0
CROSS JOIN users u ON u.id = trim(replace(' ' || r.direct_key || ' ', ' ' || (wanted.value ->> 1) || ' ', ' '))
WHERE r.direct_key IS NOT NULL"""

_STATS = """
SELECT r.member_count, s.seq, coalesce(s.created_at, r.created_at)
FROM rooms r LEFT JOIN messages s ON s.room_id = r.id AND s.seq = (SELECT max(seq) FROM messages WHERE room_id = r.id)
WHERE r.id = ?1"""


class SqliteRooms:
    """store.contract.Rooms on SQLite."""

    def __init__(self, *, database: Database, deleted: DeletedRooms) -> None:
        self._database = database
        self._deleted = deleted

    async def create(self, draft: RoomDraft, owner_id: str) -> Standing:
        """Raises Missing("user")."""

        def operation(connection: apsw.Connection) -> Standing:
            room_id = make_id("r")
            now_ms = self._database.clock()
            connection.execute(
                """INSERT INTO rooms (id, name, name_folded, description, is_private, kind, owner_id, max_users,
                       member_count, created_at)
                   VALUES (?, ?, ?, ?, ?, 'room', ?, ?, 1, ?)""",
                (room_id, draft.name, draft.name.casefold(), draft.description, int(draft.is_private), owner_id,
                 draft.max_users, now_ms),
            )  # fmt: skip
            insert_member(connection, room_id, owner_id, role=Role.OWNER, read_seq=0, joined_rev=0, now_ms=now_ms)
            return _require_for(connection, room_id, owner_id)

        return await self._database.write("rooms.create", operation)

    async def direct(self, user_id: str, other_id: str) -> tuple[Standing, bool]:
        people = sorted({user_id, other_id})
        direct_key = " ".join(people)

        def operation(connection: apsw.Connection) -> tuple[Standing, bool]:
            row = fetch_one(connection, "SELECT id FROM rooms WHERE direct_key = ?", (direct_key,))
            now_ms = self._database.clock()
            if row is not None:
                for person in people:  # a user who had left is a member again
                    join(connection, row[0], person, role=Role.MEMBER, now_ms=now_ms)
                return _require_for(connection, row[0], user_id), False
            if has_blocked(connection, other_id, user_id):
                raise Refused(Refusal.FORBIDDEN)
            room_id = make_id("r")
            connection.execute(
                """INSERT INTO rooms (id, name, name_folded, is_private, kind, direct_key, max_users,
                       member_count, created_at)
                   VALUES (?, '', '', 1, 'direct', ?, 2, ?, ?)""",
                (room_id, direct_key, len(people), now_ms),
            )
            for person in people:
                insert_member(connection, room_id, person, role=Role.MEMBER, read_seq=0, joined_rev=0, now_ms=now_ms)
            return _require_for(connection, room_id, user_id), True

        return await self._database.write("rooms.direct", operation)

    async def get(self, room_id: str) -> Room | None:
        def operation(connection: apsw.Connection) -> Room | None:
            row = room_row(connection, room_id)
            return None if row is None else room_from(row)

        return await self._database.read("rooms.get", operation)

    async def get_for(self, room_id: str, user_id: str) -> Standing | None:
        return await self._database.read("rooms.get_for", lambda connection: _get_for(connection, room_id, user_id))

    async def list_for(
        self, user_id: str, *, mine: bool, query: str | None, limit: int, after: str | None
    ) -> tuple[list[Standing], str | None]:
        below = place_of_cursor(after)
        part = (query or "").casefold()

        def operation(connection: apsw.Connection) -> tuple[list[Standing], str | None]:
            statement = _LIST_MINE if mine else _LIST_ALL
            rows = fetch(connection, statement, (user_id, below, part, limit + 1))
            following = str(rows[limit - 1][-1]) if len(rows) > limit else None
            return [standing_from(row) for row in rows[:limit]], following

        return await self._database.read("rooms.list_for", operation)

    async def update(self, room_id: str, actor: Actor, patch: RoomPatch) -> RoomChange:
        clock = self._database.clock
        return await self._database.write(
            "rooms.update", lambda connection: update_settings(connection, room_id, actor, patch, clock())
        )

    async def delete(self, room_id: str, actor: Actor) -> None:
        clock = self._database.clock
        await self._database.write("rooms.delete", lambda connection: delete_room(connection, room_id, actor, clock()))

    async def purge(self) -> bool:
        _, is_more = await self._deleted.sweep(0)
        return is_more

    async def peers(self, pairs: Sequence[tuple[str, str]]) -> list[User | None]:
        wanted = as_json(pairs)

        def operation(connection: apsw.Connection) -> list[User | None]:
            found = {row[-1]: user_from(row) for row in fetch(connection, _PEERS, (wanted,))}
            return [found.get(index) for index in range(len(pairs))]

        return await self._database.read("rooms.peers", operation)

    async def joined_by(self, user_id: str) -> dict[str, int]:
        def operation(connection: apsw.Connection) -> dict[str, int]:
            return dict(
                fetch(
                    connection, "SELECT room_id, joined_rev FROM members WHERE user_id = ? LIMIT ?", (user_id, _IDS_MAX)
                )
            )

        return await self._database.read("rooms.joined_by", operation)

    async def names_of(self, user_id: str) -> dict[str, str]:
        return await self._database.read(
            "rooms.names_of", lambda connection: dict(fetch(connection, _NAMES, (user_id, _IDS_MAX)))
        )

    async def joined_by_each(self, user_ids: Sequence[str]) -> dict[str, dict[str, int]]:
        wanted = as_json(list(user_ids))

        def operation(connection: apsw.Connection) -> dict[str, dict[str, int]]:
            joined: dict[str, dict[str, int]] = {user_id: {} for user_id in user_ids}
            for user_id, room_id, rev in fetch(connection, _JOINED_BY_EACH, (wanted, _IDS_MAX * len(user_ids))):
                joined[user_id][room_id] = rev
            return joined

        return await self._database.read("rooms.joined_by_each", operation)

    async def stats(self, room_id: str) -> RoomStats | None:
        def operation(connection: apsw.Connection) -> RoomStats | None:
            row = fetch_one(connection, _STATS, (room_id,))
            if row is None:
                return None
            return RoomStats(
                room_id=room_id,
                participant_count=row[0],
                message_count=row[1] or 0,
                last_activity=rfc3339(row[2]),
            )

        return await self._database.read("rooms.stats", operation)

    async def member_counts(self, room_ids: Sequence[str]) -> Mapping[str, int]:
        wanted = as_json(list(room_ids))
        return await self._database.read(
            "rooms.member_counts", lambda connection: dict(fetch(connection, _MEMBER_COUNTS, (wanted,)))
        )

    async def heads(self, room_ids: Sequence[str]) -> Mapping[str, Head]:
        wanted = as_json(list(room_ids))

        def operation(connection: apsw.Connection) -> Mapping[str, Head]:
            return {
                room_id: Head(seq=seq or 0, rev=rev or 0) for room_id, seq, rev in connection.execute(_HEADS, (wanted,))
            }

        return await self._database.read("rooms.heads", operation)


def _get_for(connection: apsw.Connection, room_id: str, user_id: str) -> Standing | None:
    row = fetch_one(connection, _GET_FOR, (room_id, user_id))
    return None if row is None else standing_from(row)


def _require_for(connection: apsw.Connection, room_id: str, user_id: str) -> Standing:
    found = _get_for(connection, room_id, user_id)
    if found is None:
        raise Missing("room")
    return found
