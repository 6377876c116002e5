"""What must hold before a draft is stored: membership, muting, replies, files, mentions. Writes file access only."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

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
from store.mongo.database import Database, Document, epoch_ms, stored_time
from store.mongo.documents import file_from, message_from
from store.mongo.room_heads_cache import RoomHeads
from store.room_rules import require_mention_of_all, wait_s, writer_refusal

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

        A member's draft that an earlier send has stored is a duplicate, even where it would be refused now.
        """
        room, members = await self._room_with_members(room_id, drafts)
        slow_mode_ms = 0 if room is None else room.get("slowModeS", 0) * 1000
        now_ms = self._database.clock()
        refused: dict[Key, Refusal | TooSoon] = {}
        resent = [
            (draft.user_id, draft.client_id)
            for draft in drafts
            if draft.user_id in members and (draft.attachment_ids or slow_mode_ms)
        ]
        if resent:  # a resend must neither grant access to files that its message no longer shows nor begin a wait
            for key, document in (await stored_drafts(self._database, room_id, resent)).items():
                settled[key] = Stored(message_from(document), True)
        threads = {draft.thread_id for draft in drafts if draft.thread_id is not None and draft.user_id in members}
        roots = await self._roots(room_id, threads) if threads else {}
        for draft in drafts:
            key = draft.user_id, draft.client_id
            if key in waiting or isinstance(settled.get(key), Stored):
                continue
            if room is None:
                settled[key] = Refusal.ROOM_NOT_FOUND
                continue
            if draft.user_id not in members:  # also of a resend: who has left reads nothing here
                settled[key] = Refusal.NOT_MEMBER
                continue
            member = members[draft.user_id]
            waits = slow_mode_ms > 0 and member["role"] == Role.MEMBER and not draft.by_admin
            outcome: CheckedDraft | Refusal | TooSoon | None = _refusal(room, member, now_ms=now_ms)
            if outcome is None and waits:
                outcome = _too_soon(member, draft, slow_mode_ms=slow_mode_ms, now_ms=now_ms)
            if outcome is None:
                outcome = await self._check_details(room_id, draft, members, roots)
            if isinstance(outcome, CheckedDraft) and waits:
                outcome = await self._claim(room_id, outcome, member, slow_mode_ms=slow_mode_ms, now_ms=now_ms)
            if (
                isinstance(outcome, CheckedDraft)
                and outcome.attachments
                and not await self._grant_files(room_id, outcome)
            ):
                outcome = Refusal.FILE_NOT_FOUND
            if isinstance(outcome, CheckedDraft):
                waiting[key] = outcome
                refused.pop(key, None)
            else:
                refused[key] = outcome
        if refused:
            settled |= refused
            for key, document in (await stored_drafts(self._database, room_id, refused)).items():
                settled[key] = Stored(message_from(document), True)

    async def check_again(self, room_id: str, waiting: Mapping[Key, CheckedDraft]) -> dict[Key, Refusal]:
        """The drafts that may no longer be stored: since `check` their author may have been banned, say."""
        drafts = [checked.draft for checked in waiting.values()]
        room, members = await self._room_with_members(room_id, drafts)
        if room is None:
            return dict.fromkeys(waiting, Refusal.ROOM_NOT_FOUND)
        now_ms = self._database.clock()
        refused = {}
        for key, checked in waiting.items():
            member = members.get(checked.draft.user_id)
            refusal = Refusal.NOT_MEMBER if member is None else _refusal(room, member, now_ms=now_ms)
            if refusal is not None:
                refused[key] = refusal
        return refused

    async def _room_with_members(
        self, room_id: str, drafts: Iterable[MessageDraft]
    ) -> tuple[Document | None, dict[str, Document]]:
        """The room, and by user id the memberships of the authors and of whom they mention."""
        people = {user_id for draft in drafts for user_id in (draft.user_id, *draft.mentions)}
        found = await self._database.rooms.aggregate(room_pipelines.room_with_members(room_id, list(people))).to_list(1)
        if not found:
            return None, {}
        return found[0], {member["userId"]: member for member in found[0]["members"]}

    async def _claim(
        self, room_id: str, checked: CheckedDraft, member: Document, *, slow_mode_ms: int, now_ms: int
    ) -> CheckedDraft | TooSoon:
        """Begin the author's wait by a conditional update, so that of several processes one lets a message pass.

        The claim names the draft: its retry passes, should the insert that follows fail. `member` is kept up to date,
        so that an author's further drafts of a batch, and those of a wait that goes on, are refused without a query.
        """
        client_id, before_ms = checked.draft.client_id, now_ms - slow_mode_ms
        own: Document = {"roomId": room_id, "userId": checked.draft.user_id, "left": False}
        passes = [{"sentAt": None}, {"sentAt": {"$lte": stored_time(before_ms)}}, {"sentAs": client_id}]
        claim: Document = {"sentAt": stored_time(now_ms), "sentAs": client_id}
        if (await self._database.members.update_one({**own, "$or": passes}, {"$set": claim})).matched_count:
            member.update(claim)
            return checked
        found = await self._database.members.find_one(own, {"_id": 0, "sentAt": 1, "sentAs": 1})
        member.update(claim if found is None else found)
        return _too_soon(member, checked.draft, slow_mode_ms=slow_mode_ms, now_ms=now_ms) or TooSoon(1)

    async def _check_details(
        self, room_id: str, draft: MessageDraft, members: Mapping[str, Document], roots: Mapping[str, int]
    ) -> CheckedDraft | Refusal:
        """Check what few drafts have: the reply, the thread, the files, and which mentions are of members.

        `roots`: by the id of each message of the room that a draft names as its thread, the seq of the thread's root.
        """
        reply_to = await self._seq(room_id, draft.reply_to_id)
        thread = None if draft.thread_id is None else roots.get(draft.thread_id)
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
            own = {"_id": {"$in": wanted}, "ownerId": draft.user_id, "hiddenSince": None}
            files = {file["_id"]: file for file in await self._database.files.find(own).to_list(None)}
            if len(files) < len(wanted):
                return Refusal.FILE_NOT_FOUND
        mentions = tuple(who for who in dict.fromkeys(draft.mentions) if who == ROOM_MENTION or who in members)
        return CheckedDraft(draft, reply_to, thread, tuple(file_from(files[file_id]) for file_id in wanted), mentions)

    async def _grant_files(self, room_id: str, checked: CheckedDraft) -> bool:
        """Let those who may read the message read its files: before it is inserted, after all that may refuse it.

        False, with nothing changed, if the sweep has removed one of them since they were found.
        """
        files = [file.id for file in checked.attachments]
        own = {"_id": {"$in": files}, "ownerId": checked.draft.user_id, "hiddenSince": None}
        post = {"roomId": room_id, "clientId": checked.draft.client_id}
        granted = await self._database.files.update_many(own, {"$addToSet": {"posts": post}})
        if granted.matched_count == len(files):
            return True
        await self.withdraw_files(room_id, checked, None)
        return False

    async def withdraw_files(self, room_id: str, checked: CheckedDraft, stored: Message | None) -> None:
        """Remove the read access to files that `check` granted for a draft whose stored message does not show them.

        `stored`: None for a draft that is not stored.
        """
        draft = checked.draft
        shown = set() if stored is None else {file.id for file in stored.attachments}
        hidden = [file.id for file in checked.attachments if file.id not in shown]
        post = {"roomId": room_id, "clientId": draft.client_id}
        if hidden:
            await self._database.files.update_many(
                {"_id": {"$in": hidden}, "ownerId": draft.user_id}, {"$pull": {"posts": post}}
            )

    async def _roots(self, room_id: str, message_ids: Iterable[str]) -> dict[str, int]:
        """By the id of each message of the room, the seq of the thread's root that it is, or belongs to."""
        seqs = {one: seq for one in message_ids if (seq := await self._seq(room_id, one)) is not None}
        among = {"roomId": room_id, "seq": {"$in": list(set(seqs.values()))}}
        found = await self._database.messages.find(among, {"_id": 0, "seq": 1, "thread": 1}).to_list(None)
        roots: dict[int, int] = {message["seq"]: message["thread"] for message in found if "thread" in message}
        return {one: roots.get(seq, seq) for one, seq in seqs.items()}

    async def _seq(self, room_id: str, message_id: str | None) -> int | None:
        if message_id is None:
            return None
        seq = seq_in_room(room_id, message_id, await self._heads.get(room_id))
        if seq is None:
            self._heads.forget(room_id)  # another process may have written to the room since
            seq = seq_in_room(room_id, message_id, await self._heads.get(room_id))
        return seq


def _refusal(room: Mapping[str, Any], member: Document, *, now_ms: int) -> Refusal | None:
    """Why a member may not write to the room now; None if they may."""
    return writer_refusal(
        Role(member["role"]),
        muted_until_ms=epoch_ms(member.get("mutedUntil")),
        is_archived=room.get("archivedAt") is not None,
        now_ms=now_ms,
    )


def _too_soon(member: Mapping[str, Any], draft: MessageDraft, *, slow_mode_ms: int, now_ms: int) -> TooSoon | None:
    """How long the member has to wait in slow mode, as their document says; None if the draft may be sent now."""
    sent_at = member.get("sentAt")
    if sent_at is None or member.get("sentAs") == draft.client_id:
        return None
    wait = wait_s(int(sent_at), slow_mode_ms=slow_mode_ms, now_ms=now_ms)
    return TooSoon(wait) if wait else None


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
