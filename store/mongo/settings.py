"""The settings collection: one document a user, with the settings as JSON text, for their keys are a client's data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from pymongo.errors import DuplicateKeyError

from store.errors import Missing, TooLarge
from store.merge_patch import merged
from store.models import SETTINGS_MAX_BYTES, SettingsChange
from store.mongo.database import Database

_decode = msgspec.json.Decoder(dict[str, Any]).decode


class MongoSettings:
    """store.contract.Settings on MongoDB. `rev` counts the merges: each is written over the one that it read."""

    def __init__(self, *, database: Database) -> None:
        self._database = database
        self._settings = database.settings

    async def get(self, user_id: str) -> Mapping[str, Any]:
        async with self._database.operation("settings.get"):
            return (await self._read(user_id))[0]

    async def merge(self, user_id: str, patch: Mapping[str, Any]) -> SettingsChange:
        async with self._database.operation("settings.merge", write=True):
            if await self._database.users.find_one({"_id": user_id, "endedAt": None}, {"_id": 1}) is None:
                raise Missing("user")
            while True:
                before, rev = await self._read(user_id)
                after = merged(before, patch)
                text = msgspec.json.encode(after)
                if len(text) > SETTINGS_MAX_BYTES:
                    raise TooLarge("settings")
                if await self._write(user_id, text.decode(), rev):
                    return SettingsChange(before, after)

    async def _read(self, user_id: str) -> tuple[Mapping[str, Any], int]:
        found = await self._settings.find_one({"_id": user_id})
        return ({}, 0) if found is None else (_decode(found["document"]), found["rev"])

    async def _write(self, user_id: str, text: str, rev: int) -> bool:
        """Write over the document with this rev, 0 for none. False if it has another one by now."""
        if rev:
            change = {"$set": {"document": text, "rev": rev + 1}}
            result = await self._settings.update_one({"_id": user_id, "rev": rev}, change)
            return result.matched_count > 0
        try:
            await self._settings.insert_one({"_id": user_id, "document": text, "rev": 1})
        except DuplicateKeyError:
            return False
        return True
