"""The sessions collection: logins and the rotation of their refresh tokens. A TTL index removes what has expired."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pymongo import ReturnDocument

from store.errors import Missing
from store.models import SESSIONS_LISTED_MAX, Account, Session
from store.mongo.database import Database, stored_time
from store.mongo.documents import account_from, session_document, session_from

# Far above what one head check can find. The newest come first, so the limit cuts those announced long ago.
_REVOKED_MAX = 100_000


class MongoSessions:
    """store.contract.Sessions on MongoDB."""

    def __init__(self, *, database: Database) -> None:
        self._database = database
        self._sessions = database.sessions

    async def create(self, session: Session) -> None:
        """Raises Missing("user")."""
        async with self._database.operation("sessions.create", write=True):
            if await self._database.users.find_one({"_id": session.user_id}, {"_id": 1}) is None:
                raise Missing("user")
            await self._sessions.insert_one(session_document(session))

    async def get(self, session_id: str) -> Session | None:
        async with self._database.operation("sessions.get"):
            found = await self._sessions.find_one({"_id": session_id})
        return None if found is None else session_from(found)

    async def with_accounts(self, keys: Sequence[tuple[str, str]]) -> list[tuple[Session | None, Account | None]]:
        session_ids, user_ids = [key[0] for key in keys], [key[1] for key in keys]
        async with self._database.operation("sessions.with_accounts"):
            found = await self._sessions.find({"_id": {"$in": session_ids}}).to_list(len(keys))
            owners = await self._database.users.find({"_id": {"$in": user_ids}}).to_list(len(keys))
        sessions = {one["_id"]: session_from(one) for one in found}
        accounts = {one["_id"]: account_from(one) for one in owners}
        return [(sessions.get(session_id), accounts.get(user_id)) for session_id, user_id in keys]

    async def rotate(
        self, session_id: str, *, generation: int, now_ms: int, grace_ms: int, expires_at_ms: int, max_age_ms: int
    ) -> Session | None:
        async with self._database.operation("sessions.rotate", write=True):
            while True:
                found = await self._sessions.find_one({"_id": session_id})
                if found is None:
                    return None
                session = session_from(found)
                if session.revoked_at_ms is not None or session.expires_at_ms <= now_ms:
                    return session
                change: dict[str, Any]
                if generation == session.generation:
                    change = {
                        "generation": generation + 1,
                        "rotatedAt": stored_time(now_ms),
                        "expiresAt": stored_time(min(expires_at_ms, session.began_ms + max_age_ms)),
                        "beganAt": stored_time(session.began_ms),
                    }
                elif generation == session.generation - 1 and now_ms - session.rotated_at_ms <= grace_ms:
                    return session
                else:
                    change = {"revokedAt": stored_time(now_ms)}
                # Conditional on the state that was read; on a concurrent change the decision is made again.
                changed = await self._sessions.find_one_and_update(
                    {"_id": session_id, "generation": session.generation, "revokedAt": None},
                    {"$set": change},
                    return_document=ReturnDocument.AFTER,
                )
                if changed is not None:
                    return session_from(changed)

    async def revoke(self, session_id: str, *, now_ms: int) -> bool:
        now = stored_time(now_ms)
        async with self._database.operation("sessions.revoke", write=True):
            result = await self._sessions.update_one(
                {"_id": session_id, "revokedAt": None, "expiresAt": {"$gt": now}}, {"$set": {"revokedAt": now}}
            )
        return result.modified_count > 0

    async def live_of(self, user_id: str, *, now_ms: int) -> list[Session]:
        live = {"userId": user_id, "revokedAt": None, "expiresAt": {"$gt": stored_time(now_ms)}}
        async with self._database.operation("sessions.live_of"):
            found = self._sessions.find(live).sort([("rotatedAt", -1), ("_id", 1)]).limit(SESSIONS_LISTED_MAX)
            return [session_from(document) for document in await found.to_list(None)]

    async def not_live(self, session_ids: Sequence[str]) -> list[str]:
        async with self._database.operation("sessions.not_live"):
            found = self._sessions.find({"_id": {"$in": list(session_ids)}, "revokedAt": None}, {"_id": 1})
            live = {session["_id"] for session in await found.to_list(None)}
        return [session_id for session_id in session_ids if session_id not in live]

    async def revoked_since(self, since_ms: int) -> list[str]:
        async with self._database.operation("sessions.revoked_since"):
            found = self._sessions.find({"revokedAt": {"$gte": stored_time(since_ms)}}, {"_id": 1})
            return [session["_id"] for session in await found.sort("revokedAt", -1).limit(_REVOKED_MAX).to_list(None)]
