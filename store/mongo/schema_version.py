"""The schema version: the one that this program writes, that of a database, and which programs may run on it.

Changes only add fields, so an older program usually runs on a newer database, and a rollback needs no restore. Owns
the document `schema` in the collection `meta`.
"""

from __future__ import annotations

from common.startup_error import StartupError
from store.mongo.database import Database, stored_time

VERSION = 1
# The oldest version whose program can run on this one. Raise it only with a change that does more than add.
COMPATIBLE_FROM = 0
_KEY = {"_id": "schema"}


async def require_compatible(database: Database, *, version: int = VERSION) -> int:
    """The version of a database, 0 if it has none. Raises StartupError if this program cannot run on it."""
    found = await database.raw["meta"].find_one(_KEY)
    if found is None:
        return 0
    has = int(found["version"])
    if has > version and found["compatibleFrom"] > version:
        raise StartupError(f"the database has schema version {has}, this program knows {version}: upgrade it")
    return has


async def ensure(database: Database, *, version: int = VERSION, compatible_from: int = COMPATIBLE_FROM) -> None:
    """Migrate the documents to `version`, unless they are newer. Raises StartupError as `require_compatible`."""
    if await require_compatible(database, version=version) >= version:
        return
    # Version 1: a session has `beganAt`; existing ones get the current time. Running it again is harmless.
    now = stored_time(database.clock())
    await database.sessions.update_many({"beganAt": None}, {"$set": {"beganAt": now}})
    await database.raw["meta"].update_one(
        _KEY, {"$set": {"version": version, "compatibleFrom": compatible_from}}, upsert=True
    )
