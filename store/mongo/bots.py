"""The bots collection: bots, their users, logins and memberships. webhooks.py uses the same steps for its users.

Without transactions a bot is several writes: the user, the bot, its login, and last the membership, through the changes
log, where the rules and the bound are asked. Until then nobody has its token. What a killed process leaves is in the
list and can be removed, or is a user name that is not given again.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any

from pymongo.errors import DuplicateKeyError, PyMongoError

from common.rfc3339 import rfc3339
from store.audit_notes import bot_note
from store.errors import Missing, StoreTimeout, StoreUnavailable, Taken
from store.export_records import BotRecord
from store.models import (
    BOTS_PER_ROOM_MAX,
    NEVER_MS,
    REVOKED_KEEP_MS,
    Actor,
    AuditAction,
    AuditNote,
    Bot,
    BotAdded,
    BotDraft,
    BotRemoved,
    MembershipChange,
    Role,
    Session,
    Status,
)
from store.mongo.bot_documents import bot_document
from store.mongo.change_log import ChangeLog
from store.mongo.database import Collection, Database, Document, stored_time
from store.mongo.documents import room_from, session_document, user_from
from store.mongo.members import Join, role_in
from store.mongo.membership_ends import NO_ENDING, end_membership, record_end
from store.mongo.room_at_rev import ReadSet, RoomView
from store.room_rules import require_moderator, require_place_for_bot


class MongoBots:
    """store.contract.Bots on MongoDB."""

    def __init__(self, *, database: Database, log: ChangeLog) -> None:
        self._database = database
        self._log = log
        self._bots = database.bots

    async def add(self, room_id: str, actor: Actor, draft: BotDraft) -> BotAdded:
        now_ms = self._database.clock()
        user = bot_user_document(room_id, draft.user_id, draft.username, display_name=draft.username, now_ms=now_ms)
        bot = bot_document(BotRecord(draft.user_id, room_id, draft.session_id, actor.user_id, now_ms))
        session = Session(draft.session_id, draft.user_id, 1, now_ms, NEVER_MS, began_at_ms=now_ms)
        async with self._database.operation("bots.add", write=True):
            await self._log.change(room_id, RequirePlace(actor, among=self._bots, most=BOTS_PER_ROOM_MAX))
            await insert_bot_user(self._database, user)
            async with undone_on_refusal(self._database, self._bots, bot):
                await self._bots.insert_one(bot)
                await self._database.sessions.insert_one(session_document(session))
                note = bot_note(actor, AuditAction.BOT_MADE, user_id=draft.user_id, username=draft.username)
                joining = JoinAsBot(draft.user_id, actor, among=self._bots, most=BOTS_PER_ROOM_MAX, audit=note)
                change: MembershipChange = await self._log.change(room_id, joining)
        return BotAdded(_bot(bot, user), change)

    async def list(self, room_id: str) -> list[Bot]:
        async with self._database.operation("bots.list"):
            bots = await self._bots.find({"roomId": room_id}).sort([("createdAt", 1), ("_id", 1)]).to_list(None)
            wanted = {"_id": {"$in": [bot["_id"] for bot in bots]}}
            users = {user["_id"]: user for user in await self._database.users.find(wanted).to_list(None)}
        return [_bot(bot, users[bot["_id"]]) for bot in bots if bot["_id"] in users]

    async def remove(self, room_id: str, user_id: str, actor: Actor) -> BotRemoved:
        """Removes the bot's document last, so that a call which was cut off can be repeated."""
        async with self._database.operation("bots.remove", write=True):
            await self._log.change(room_id, RequireModerator(actor))
            bot = await self._bots.find_one({"_id": user_id, "roomId": room_id})
            user = await self._database.users.find_one({"_id": user_id})
            if bot is None or user is None:
                raise Missing("bot")
            await revoke(self._database, bot["sessionId"])
            note = bot_note(actor, AuditAction.BOT_REVOKED, user_id=user_id, username=user["username"])
            change = await leave_as_bot(self._database, self._log, room_id, LeaveAsBot(user_id, actor, audit=note))
            await self._bots.delete_one({"_id": user_id})
        return BotRemoved(_bot(bot, user), change)


class RequireModerator:
    """An operation that changes nothing: it asks whether the actor may make and remove bots of the room."""

    def __init__(self, actor: Actor) -> None:
        self._actor = actor
        self.read_set = ReadSet(members=(actor.user_id,))

    async def run(self, view: RoomView) -> None:
        """Raises Refused."""
        require_moderator_of(view, self._actor)


class RequirePlace(RequireModerator):
    """As RequireModerator, and whether the room may have one more: it is asked before anything is written, and again
    when the bot joins.
    """

    def __init__(self, actor: Actor, *, among: Collection, most: int) -> None:
        super().__init__(actor)
        self._among = among
        self._most = most

    async def run(self, view: RoomView) -> None:
        """Raises Refused."""
        await super().run(view)
        count = await self._among.count_documents({"roomId": view.room["_id"]})
        require_place_for_bot(count, most=self._most)


class JoinAsBot(Join):
    """The joining of a bot's user, whose document is in the collection `among`, with `most` of one room."""

    def __init__(self, user_id: str, actor: Actor, *, among: Collection, most: int, audit: AuditNote) -> None:
        super().__init__(user_id, Role.MEMBER, audit=audit)
        self._actor = actor
        self._among = among
        self._most = most
        self.read_set = ReadSet(members=(user_id, actor.user_id), users=(user_id,))

    async def run(self, view: RoomView) -> MembershipChange:
        """Raises Refused (conflict past the bound, which this bot counts against already), RoomFull."""
        require_moderator_of(view, self._actor)
        others = await self._among.count_documents({"roomId": view.room["_id"]}) - 1
        require_place_for_bot(others, most=self._most)
        return await super().run(view)


class LeaveAsBot:
    """The leaving of a bot's user, unless somebody has removed it before; it is in the audit trail all the same."""

    def __init__(self, user_id: str, actor: Actor, *, audit: AuditNote) -> None:
        self.user_id = user_id
        self._actor = actor
        self._audit = audit
        self.read_set = ReadSet(members=(user_id, actor.user_id))

    async def run(self, view: RoomView) -> MembershipChange:
        """Raises Refused."""
        require_moderator_of(view, self._actor)
        member = view.member(self.user_id)
        ending = NO_ENDING if member is None else await end_membership(view, member)
        return record_end(view, ending, audit=self._audit)


def require_moderator_of(view: RoomView, actor: Actor) -> None:
    """Raises Refused."""
    require_moderator(room_from(view.room), actor, role_in(view, actor.user_id))


def bot_user_document(room_id: str, user_id: str, username: str, *, display_name: str, now_ms: int) -> Document:
    """The user of a bot or a webhook: without a password, and with its id where an e-mail address must be unique."""
    return {
        "_id": user_id,
        "username": username,
        "usernameFolded": username.casefold(),
        "email": "",
        "emailFolded": user_id,
        "passwordHash": "",
        "displayName": display_name,
        "displayFolded": display_name.casefold(),
        "status": Status.ONLINE.value,
        "createdAt": stored_time(now_ms),
        "botRoomId": room_id,
    }


async def insert_bot_user(database: Database, user: Document) -> None:
    """Raises Taken."""
    try:
        await database.users.insert_one(user)
    except DuplicateKeyError as error:
        raise Taken("username") from error


@asynccontextmanager
async def undone_on_refusal(database: Database, collection: Collection, document: Document) -> AsyncIterator[None]:
    """Remove what was written for a bot, its `document` in the collection too, when the body raises.

    It stays where the user may have become a member all the same; it is in the list then, and can be removed.
    """
    try:
        yield
    except (StoreTimeout, StoreUnavailable, PyMongoError):
        raise
    except Exception:
        with suppress(PyMongoError):
            await database.sessions.delete_many({"userId": document["userId"]})
            await collection.delete_one({"_id": document["_id"]})
            await database.users.delete_one({"_id": document["userId"]})
        raise


async def leave_as_bot(database: Database, log: ChangeLog, room_id: str, leaving: LeaveAsBot) -> MembershipChange:
    """End the membership of a bot's user for good."""
    await database.users.update_one({"_id": leaving.user_id}, {"$set": {"botRoomId": ""}})
    change: MembershipChange = await log.change(room_id, leaving)
    return change


async def revoke(database: Database, session_id: str) -> None:
    """Revoke the login of a bot, and let it expire once every process has found that."""
    now_ms = database.clock()
    await database.sessions.update_one(
        {"_id": session_id, "revokedAt": None}, {"$set": {"revokedAt": stored_time(now_ms)}}
    )
    await database.sessions.update_one(
        {"_id": session_id}, {"$set": {"expiresAt": stored_time(now_ms + REVOKED_KEEP_MS)}}
    )


def _bot(bot: Mapping[str, Any], user: Mapping[str, Any]) -> Bot:
    return Bot(user_from(user), bot["roomId"], bot["sessionId"], bot["createdBy"], rfc3339(int(bot["createdAt"])))
