"""The users table: accounts, their unique username and email, their password hashes."""

from __future__ import annotations

from collections.abc import Sequence

import apsw

from store.errors import Missing, Outdated, Taken
from store.ids import make_id
from store.list_cursors import prefix_range
from store.models import KNOWN_ADDRESS_KEEP_MS, KNOWN_ADDRESSES_MAX, Account, ProfileChange, Status, User
from store.sqlite.database import Database
from store.sqlite.rows import USER_COLUMNS, Row, as_json, fetch, fetch_one, time_or_none, user_from

_NOT_ENDED = "id NOT IN (SELECT account_id FROM ended_accounts)"
_ACCOUNT = f"SELECT {USER_COLUMNS}, u.email, u.password_hash, u.disabled_at FROM users u WHERE "
_ACCOUNTS = f"{_ACCOUNT}u.id IN (SELECT value FROM json_each(?1) AS wanted)"

# Ranges of two indexes: a range has no wildcards to escape.
_SEARCH = f"""
SELECT {USER_COLUMNS} FROM users u
WHERE (u.username_folded BETWEEN ?1 AND ?2 OR u.display_folded BETWEEN ?1 AND ?2) AND u.disabled_at IS NULL
AND u.bot_room_id IS NULL ORDER BY u.username_folded LIMIT ?3"""
_SEARCH_MEMBERS = f"""
SELECT {USER_COLUMNS} FROM users u
WHERE (u.username_folded BETWEEN ?1 AND ?2 OR u.display_folded BETWEEN ?1 AND ?2) AND u.disabled_at IS NULL
AND u.bot_room_id IS NULL
AND EXISTS (SELECT 1 FROM members WHERE user_id = u.id AND room_id IN (SELECT value FROM json_each(?3) AS wanted))
ORDER BY u.username_folded LIMIT ?4"""
_EVERYBODY = f"""
SELECT {USER_COLUMNS} FROM users u WHERE u.disabled_at IS NULL AND u.bot_room_id IS NULL
ORDER BY u.username_folded LIMIT ?1"""
_SEEN = """
SELECT max(seen_at) FROM known_addresses
WHERE user_id = ?1 AND mark IN (SELECT value FROM json_each(?2) AS wanted) AND seen_at >= ?3"""
_FORGET = """
DELETE FROM known_addresses WHERE user_id = ?1 AND mark NOT IN (
    SELECT mark FROM known_addresses WHERE user_id = ?1 ORDER BY seen_at DESC, mark LIMIT ?2)"""


class SqliteUsers:
    """store.contract.Users on SQLite."""

    def __init__(self, *, database: Database) -> None:
        self._database = database

    async def create(self, *, username: str, email: str, password_hash: str) -> User:
        folded, email_folded = username.casefold(), email.lower()

        def operation(connection: apsw.Connection) -> User:
            if _exists(connection, "username_folded", folded):
                raise Taken("username")
            if _exists(connection, "email_folded", email_folded):
                raise Taken("email")
            user_id = make_id("u")
            connection.execute(
                """INSERT INTO users (id, username, username_folded, email, email_folded, password_hash,
                       display_name, display_folded, status, created_at)
                   VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)""",
                (user_id, username, folded, email, email_folded, password_hash,
                 username, folded, Status.ONLINE.value, self._database.clock()),
            )  # fmt: skip
            return _require(connection, user_id)

        return await self._database.write("users.create", operation)

    async def get(self, user_id: str) -> User | None:
        return await self._database.read("users.get", lambda connection: _get(connection, user_id))

    async def account(self, user_id: str) -> Account | None:
        return await self._database.read("users.account", lambda connection: _account(connection, "u.id = ?", user_id))

    async def account_by_login(self, *, username: str | None = None, email: str | None = None) -> Account | None:
        if (username is None) == (email is None):
            raise ValueError("exactly one of username and email")
        condition = "u.username_folded = ?" if username is not None else "u.email_folded = ?"
        condition += f" AND u.{_NOT_ENDED}"
        value = username.casefold() if username is not None else str(email).lower()
        return await self._database.read(
            "users.account_by_login", lambda connection: _account(connection, condition, value)
        )

    async def has_any(self) -> bool:
        return await self._database.read(
            "users.has_any", lambda connection: fetch_one(connection, "SELECT 1 FROM users LIMIT 1") is not None
        )

    async def search(self, prefix: str, limit: int) -> list[User]:
        span = prefix_range(prefix)

        def operation(connection: apsw.Connection) -> list[User]:
            found = connection.execute(_SEARCH, (*span, limit)) if prefix else connection.execute(_EVERYBODY, (limit,))
            return [user_from(row) for row in found]

        return await self._database.read("users.search", operation)

    async def search_members(self, room_ids: Sequence[str], prefix: str, limit: int) -> list[User]:
        span, rooms = prefix_range(prefix), as_json(list(room_ids))

        def operation(connection: apsw.Connection) -> list[User]:
            found = connection.execute(_SEARCH_MEMBERS, (*span, rooms, limit))
            return [user_from(row) for row in found]

        return await self._database.search("users.search_members", operation)

    async def update(self, user_id: str, change: ProfileChange) -> User:
        values = {name: getattr(change, name) for name in change.__struct_fields__}
        columns = {name: value for name, value in values.items() if value is not False}
        if "display_name" in columns:
            columns["display_folded"] = str(columns["display_name"]).casefold()
        assignments = ", ".join(f"{name} = ?" for name in columns)  # field names of this program, never a client's
        if "status" in columns:
            assignments += ", status_rev = status_rev + 1"

        def operation(connection: apsw.Connection) -> User:
            if columns:
                connection.execute(
                    f"UPDATE users SET {assignments} WHERE id = ? AND {_NOT_ENDED}", (*columns.values(), user_id)
                )
                if not connection.changes():
                    raise Missing("user")
            return _require(connection, user_id)

        return await self._database.write("users.update", operation)

    async def set_password(
        self, user_id: str, password_hash: str, *, keep_session_id: str | None, before: str | None = None
    ) -> list[str]:
        def operation(connection: apsw.Connection) -> list[str]:
            now = connection.execute("SELECT password_hash FROM users WHERE id = ?", (user_id,)).fetchone()
            if now is not None and before is not None and now[0] != before:
                raise Outdated
            _set(connection, user_id, "password_hash", password_hash)
            return revoke_sessions(connection, user_id, keep_session_id, self._database.clock())

        return await self._database.write("users.set_password", operation)

    async def rehash(self, user_id: str, before: str, after: str) -> bool:
        def operation(connection: apsw.Connection) -> bool:
            connection.execute(
                "UPDATE users SET password_hash = ? WHERE id = ? AND password_hash = ?", (after, user_id, before)
            )
            return connection.changes() > 0

        return await self._database.write("users.rehash", operation)

    async def disable(self, user_id: str) -> list[str]:
        def operation(connection: apsw.Connection) -> list[str]:
            now_ms = self._database.clock()
            _set(connection, user_id, "disabled_at", now_ms)
            return revoke_sessions(connection, user_id, None, now_ms)

        return await self._database.write("users.disable", operation)

    async def enable(self, user_id: str) -> None:
        await self._database.write("users.enable", lambda connection: _set(connection, user_id, "disabled_at", None))

    async def address_seen(self, user_id: str, marks: Sequence[str], *, now_ms: int) -> int | None:
        def operation(connection: apsw.Connection) -> int | None:
            row = fetch_one(connection, _SEEN, (user_id, as_json(marks), now_ms - KNOWN_ADDRESS_KEEP_MS))
            return None if row is None else row[0]

        return await self._database.read("users.address_seen", operation)

    async def remember_address(self, user_id: str, mark: str, *, now_ms: int) -> None:
        def operation(connection: apsw.Connection) -> None:
            connection.execute("INSERT OR REPLACE INTO known_addresses VALUES (?, ?, ?)", (user_id, mark, now_ms))
            connection.execute(_FORGET, (user_id, KNOWN_ADDRESSES_MAX))

        await self._database.write("users.remember_address", operation)


def _set(connection: apsw.Connection, user_id: str, column: str, value: str | int | None) -> None:
    connection.execute(f"UPDATE users SET {column} = ? WHERE id = ? AND {_NOT_ENDED}", (value, user_id))
    if not connection.changes():
        raise Missing("user")


def revoke_sessions(connection: apsw.Connection, user_id: str, keep_session_id: str | None, now_ms: int) -> list[str]:
    revoked = connection.execute(
        """UPDATE sessions SET revoked_at = ?1
           WHERE user_id = ?2 AND id IS NOT ?3 AND revoked_at IS NULL AND expires_at > ?1 RETURNING id""",
        (now_ms, user_id, keep_session_id),
    )
    return [session_id for (session_id,) in revoked]


def _exists(connection: apsw.Connection, column: str, value: str) -> bool:
    return fetch_one(connection, f"SELECT 1 FROM users WHERE {column} = ?", (value,)) is not None


def _get(connection: apsw.Connection, user_id: str) -> User | None:
    row = fetch_one(connection, f"SELECT {USER_COLUMNS} FROM users u WHERE u.id = ?", (user_id,))
    return None if row is None else user_from(row)


def _require(connection: apsw.Connection, user_id: str) -> User:
    user = _get(connection, user_id)
    if user is None:
        raise Missing("user")
    return user


def _account(connection: apsw.Connection, condition: str, value: str) -> Account | None:
    row = fetch_one(connection, _ACCOUNT + condition, (value,))
    return None if row is None else _account_from(row)


def accounts_of(connection: apsw.Connection, wanted: str) -> dict[str, Account]:
    """The accounts of the users whose ids are in `wanted`, a JSON array, by id."""
    return {row[0]: _account_from(row) for row in fetch(connection, _ACCOUNTS, (wanted,))}


def _account_from(row: Row) -> Account:
    email, password_hash, disabled_at = row[-3:]
    return Account(user=user_from(row), email=email, password_hash=password_hash, disabled_at=time_or_none(disabled_at))
