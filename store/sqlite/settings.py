"""The settings table: one JSON document a user."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import apsw
import msgspec

from store.errors import Missing, TooLarge
from store.merge_patch import merged
from store.models import SETTINGS_MAX_BYTES, SettingsChange
from store.sqlite.database import Database
from store.sqlite.rows import fetch_one

_decode = msgspec.json.Decoder(dict[str, Any]).decode


class SqliteSettings:
    """store.contract.Settings on SQLite."""

    def __init__(self, *, database: Database) -> None:
        self._database = database

    async def get(self, user_id: str) -> Mapping[str, Any]:
        return await self._database.read("settings.get", lambda connection: _get(connection, user_id))

    async def merge(self, user_id: str, patch: Mapping[str, Any]) -> SettingsChange:
        def operation(connection: apsw.Connection) -> SettingsChange:
            before = _get(connection, user_id)
            after = merged(before, patch)
            text = msgspec.json.encode(after)
            if len(text) > SETTINGS_MAX_BYTES:
                raise TooLarge("settings")
            connection.execute(
                """INSERT OR REPLACE INTO settings (user_id, document)
                   SELECT id, ?2 FROM users WHERE id = ?1 AND id NOT IN (SELECT account_id FROM ended_accounts)""",
                (user_id, text.decode()),
            )
            if not connection.changes():
                raise Missing("user")
            return SettingsChange(before, after)

        return await self._database.write("settings.merge", operation, size_bytes=SETTINGS_MAX_BYTES)


def _get(connection: apsw.Connection, user_id: str) -> Mapping[str, Any]:
    row = fetch_one(connection, "SELECT document FROM settings WHERE user_id = ?", (user_id,))
    return {} if row is None else _decode(row[0])
