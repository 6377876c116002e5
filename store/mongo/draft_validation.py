"""What must hold before a draft is stored: membership, muting, replies, files, mentions. Writes file access only."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from msgspec import Struct

from store.errors import Refused
from store.ids import seq_in_room
from store.models import ROOM_MENTION, File, Message, MessageDraft, Refusal, Role, Stored
from store.mongo.database import Database, Document
from store.mongo.documents import file_from, message_from
from store.mongo.room_heads_cache import RoomHeads
from store.room_rules import require_mention_of_all

Outcome = Stored | Refusal
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
        settled: dict[Key, Outcome],
        waiting: dict[Key, CheckedDraft],
    ) -> None:
        """Sort drafts: `waiting` gets those that may be stored, `settled` the outcomes of all others.

        A draft that an earlier send has stored is a duplicate, even where it would be refused now.
        """
        people = {user_id for draft in drafts for user_id in (draft.user_id, *draft.mentions)}
        of_room = {"roomId": room_id, "userId": {"$in": list(people)}, "left": False}
        found = await self._database.members.find(of_room, {"_id": 0, "userId": 1, "mutedUntil": 1, "role": 1}).to_list(
            None
        )
        members = {member["userId"]: member for member in found}
        room_exists = bool(members) or await self._database.rooms.find_one({"_id": room_id}, {"_id": 1}) is not None
        now_ms = self._database.clock()
        refused: dict[Key, Refusal] = {}
        with_files = [(draft.user_id, draft.client_id) for draft in drafts if draft.attachment_ids]
        if with_files:  # a resend must not grant access to files that its message no longer shows
            for key, document in (await stored_drafts(self._database, room_id, with_files)).items():
                settled[key] = Stored(message_from(document), True)
        for draft in drafts:
            key = draft.user_id, draft.client_id
            if key in waiting or isinstance(settled.get(key), Stored):
                continue
            if not room_exists:
                settled[key] = Refusal.ROOM_NOT_FOUND
            elif draft.user_id not in members:
                refused[key] = Refusal.NOT_MEMBER
            elif (until := members[draft.user_id].get("mutedUntil")) is not None and int(until) > now_ms:
                refused[key] = Refusal.MUTED
            else:
                checked = await self._check_details(room_id, draft, members)
                if isinstance(checked, Refusal):
                    refused[key] = checked
                else:
                    waiting[key] = checked
                    refused.pop(key, None)
        if refused:
            settled |= refused
            for key, document in (await stored_drafts(self._database, room_id, refused)).items():
                settled[key] = Stored(message_from(document), True)

    async def _check_details(
        self, room_id: str, draft: MessageDraft, members: Mapping[str, Document]
    ) -> CheckedDraft | Refusal:
        """Check what few drafts have: the reply, the thread, the files, and which mentions are of members."""
        reply_to = await self._seq(room_id, draft.reply_to_id)
        thread = await self._seq(room_id, draft.thread_id)
        if (draft.reply_to_id is None) != (reply_to is None) or (draft.thread_id is None) != (thread is None):
            return Refusal.MESSAGE_NOT_FOUND
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
