"""What must hold before a draft is stored: membership, muting, replies, files, mentions. Writes file access only."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from msgspec import Struct

from store.errors import Refused
from store.ids import seq_in_room
from store.models import (
    ROOM_MENTION,
    AppendOutcome,
    File,
    Message,
    MessageDraft,
    Refusal,
    Role,
    Stored,
    TooSoon,
)
from store.mongo import room_pipelines
from store.mongo.database import Database, Document, stored_time
from store.mongo.documents import file_from, message_from
from store.mongo.room_heads_cache import RoomHeads
from store.room_rules import require_mention_of_all, wait_s

Key = tuple[str, str]  # of a draft within its room: author, clientId


class CheckedDraft(Struct, frozen=True):
    """A draft that may be stored, with the seqs, files and mentions that were found for it."""

    draft: MessageDraft
    reply_to: int | None
    thread: int | None
    attachments: tuple[File, ...]
    mentions: tuple[str, ...]


class DraftCheck:
    """Decides which drafts of a room may be stored."""

    def __init__(self, *, database: Database, heads: RoomHeads) -> None:
        self._database = database
        self._heads = heads

    async def check(
        self,
        room_id: str,
        drafts: Sequence[MessageDraft],
        settled: dict[Key, AppendOutcome],
        waiting: dict[Key, CheckedDraft],
    ) -> None:
        """Sort drafts: `waiting` gets those that may be stored, `settled` the outcomes of all others.

        A draft that an earlier send has stored is a duplicate, even where it would be refused now.
        """
        people = {user_id for draft in drafts for user_id in (draft.user_id, *draft.mentions)}
        found = await self._database.rooms.aggregate(room_pipelines.room_with_members(room_id, list(people))).to_list(1)
        room = found[0] if found else None
        members = {} if room is None else {member["userId"]: member for member in room["members"]}
        slow_mode_s = 0 if room is None else room.get("slowModeS", 0)
        now_ms = self._database.clock()
        refused: dict[Key, Refusal | TooSoon] = {}
        resent = [(draft.user_id, draft.client_id) for draft in drafts if draft.attachment_ids or slow_mode_s]
        if resent:  # a resend must neither grant access to files that its message no longer shows nor begin a wait
            for key, document in (await stored_drafts(self._database, room_id, resent)).items():
                settled[key] = Stored(message_from(document), True)
        for draft in drafts:
            key = draft.user_id, draft.client_id
            if key in waiting or isinstance(settled.get(key), Stored):
                continue
            if room is None:
                settled[key] = Refusal.ROOM_NOT_FOUND
            elif draft.user_id not in members:
                refused[key] = Refusal.NOT_MEMBER
            elif (until := members[draft.user_id].get("mutedUntil")) is not None and int(until) > now_ms:
                refused[key] = Refusal.MUTED
            elif room.get("archivedAt") is not None:
                refused[key] = Refusal.FORBIDDEN
            else:
                checked: CheckedDraft | Refusal | TooSoon = await self._check_details(room_id, draft, members)
                is_slowed = slow_mode_s and members[draft.user_id]["role"] == Role.MEMBER and not draft.by_admin
                if is_slowed and isinstance(checked, CheckedDraft):
                    checked = await self._claim(room_id, checked, slow_mode_ms=slow_mode_s * 1000, now_ms=now_ms)
                if not isinstance(checked, CheckedDraft):
                    refused[key] = checked
                else:
                    waiting[key] = checked
                    refused.pop(key, None)
        if refused:
            settled |= refused
            for key, document in (await stored_drafts(self._database, room_id, refused)).items():
                settled[key] = Stored(message_from(document), True)

    async def _claim(
        self, room_id: str, checked: CheckedDraft, *, slow_mode_ms: int, now_ms: int
    ) -> CheckedDraft | TooSoon:
        """Begin the author's wait by a conditional update, so that of several processes one lets a message pass.

        The claim names the draft: its retry passes, should the insert that follows fail.
        """
        draft, members = checked.draft, self._database.members
        own: Document = {"roomId": room_id, "userId": draft.user_id, "left": False}
        passes = [
            {"sentAt": None},
            {"sentAt": {"$lte": stored_time(now_ms - slow_mode_ms)}},
            {"sentAs": draft.client_id},
        ]
        claim = {"$set": {"sentAt": stored_time(now_ms), "sentAs": draft.client_id}}
        if (await members.update_one({**own, "$or": passes}, claim)).matched_count:
            return checked
        member = await members.find_one(own, {"sentAt": 1})
        sent_at_ms = now_ms if member is None else int(member["sentAt"])
        return TooSoon(wait_s(sent_at_ms, slow_mode_ms=slow_mode_ms, now_ms=now_ms) or 1)

    async def _check_details(
        self, room_id: str, draft: MessageDraft, members: Mapping[str, Document]
    ) -> CheckedDraft | Refusal:
        """Check what few drafts have: the reply, the thread, the files, and which mentions are of members."""
        reply_to = await self._seq(room_id, draft.reply_to_id)
        thread = await self._seq(room_id, draft.thread_id)
        if (draft.reply_to_id is None) != (reply_to is None) or (draft.thread_id is None) != (thread is None):
            return Refusal.MESSAGE_NOT_FOUND
        if thread is not None:
            thread = await self._root(room_id, thread)
        if ROOM_MENTION in draft.mentions:
            try:
                require_mention_of_all(Role(members[draft.user_id]["role"]), is_admin=draft.by_admin)
            except Refused as refused:
                return refused.refusal
        wanted = list(dict.fromkeys(draft.attachment_ids))
        files: dict[str, Document] = {}
        if wanted:
            own = {"_id": {"$in": wanted}, "ownerId": draft.user_id}
            files = {file["_id"]: file for file in await self._database.files.find(own).to_list(None)}
            if len(files) < len(wanted):
                return Refusal.FILE_NOT_FOUND
            # Before the message is inserted, because those who may read the message may read its files.
            await self._database.files.update_many(
                own, {"$addToSet": {"posts": {"roomId": room_id, "clientId": draft.client_id}}}
            )
        mentions = tuple(who for who in dict.fromkeys(draft.mentions) if who == ROOM_MENTION or who in members)
        return CheckedDraft(draft, reply_to, thread, tuple(file_from(files[file_id]) for file_id in wanted), mentions)

    async def withdraw_files(self, room_id: str, checked: CheckedDraft, stored: Message) -> None:
        """Remove the read access to files that `check` granted for a draft whose stored message does not show them."""
        shown = {file.id for file in stored.attachments}
        hidden = [file.id for file in checked.attachments if file.id not in shown]
        post = {"roomId": room_id, "clientId": stored.client_id}
        if hidden:
            await self._database.files.update_many(
                {"_id": {"$in": hidden}, "ownerId": stored.user_id}, {"$pull": {"posts": post}}
            )

    async def _root(self, room_id: str, seq: int) -> int:
        """The seq of the thread's root that a message is, or belongs to."""
        found = await self._database.messages.find_one({"roomId": room_id, "seq": seq}, {"_id": 0, "thread": 1})
        return seq if found is None else int(found.get("thread", seq))

    async def _seq(self, room_id: str, message_id: str | None) -> int | None:
        if message_id is None:
            return None
        seq = seq_in_room(room_id, message_id, await self._heads.get(room_id))
        if seq is None:
            self._heads.forget(room_id)  # another process may have written to the room since
            seq = seq_in_room(room_id, message_id, await self._heads.get(room_id))
        return seq


async def stored_drafts(database: Database, room_id: str, keys: Iterable[Key]) -> dict[Key, Document]:
    """The stored messages of those drafts that this or an earlier send has stored, by key, ascending by seq."""
    wanted = set(keys)
    among = {
        "roomId": room_id,
        "userId": {"$in": list({user_id for user_id, _ in wanted})},
        "clientId": {"$in": list({client_id for _, client_id in wanted})},
    }
    found = await database.messages.find(among).to_list(None)
    stored = {(document["userId"], document["clientId"]): document for document in found}
    return {key: stored[key] for key in sorted(wanted & stored.keys(), key=lambda key: stored[key]["seq"])}
