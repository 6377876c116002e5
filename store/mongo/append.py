"""Appending messages: the one hot write. What a room was sent while a batch was under way is its next batch.

A batch is one ordered insert at the room's head + 1 …: the index on (roomId, seq) is unique, so of two processes one is
first, and the other takes the places after. Ordered, it stores a prefix, so there are no holes. Whatever goes wrong in
an insert, what is stored now is asked for by clientId before anything is numbered again: an insert whose answer was
lost may still have happened, or happen later, and then meets the indexes on (roomId, seq) and (roomId, userId,
clientId).
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections import OrderedDict
from collections.abc import Iterable, Sequence

import pymongo
from bson.errors import BSONError
from bson.objectid import ObjectId
from msgspec import Struct
from pymongo import UpdateOne
from pymongo.errors import AutoReconnect, PyMongoError

from common.backoff import longest_s
from store.errors import StoreTimeout
from store.ids import seq_in_room
from store.keyed_batcher import KeyedBatcher
from store.models import File, Message, MessageDraft, Refusal, Stored
from store.mongo.database import Database, Document, stored_time
from store.mongo.documents import file_from, message_document, message_from
from store.mongo.errors import duplicate_of, explained
from store.mongo.indexes import SEQ_INDEX

BATCH_MAX = 500
_WAITING_MAX = 10_000
_HEADS_MAX = 10_000
_RETRY_FIRST_S = 0.004
_RETRY_MAX_S = 0.05
_MARK_WITHIN_S = 1.0

Outcome = Stored | Refusal
Key = tuple[str, str]  # of a draft within its room: author, clientId


class CheckedDraft(Struct, frozen=True):
    """A draft that may be stored, with what was looked up for it."""

    draft: MessageDraft
    reply_to: int | None
    thread: int | None
    attachments: tuple[File, ...]
    mentions: tuple[str, ...]


class Appender:
    """Stores drafts.

    The head of each room is kept from one batch to the next: a stale one costs a retry, never a hole.
    """

    def __init__(self, *, database: Database, batch_max: int = BATCH_MAX) -> None:
        self._database = database
        self._messages = database.messages
        self._heads: OrderedDict[str, int] = OrderedDict()
        self._batcher: KeyedBatcher[Sequence[MessageDraft], list[Outcome]] = KeyedBatcher(
            work=self._write_batch, batch_max=batch_max, waiting_max=_WAITING_MAX, timeout_s=database.timeout_s
        )

    async def append(self, room_id: str, drafts: Sequence[MessageDraft]) -> list[Outcome]:
        """As store.contract.Messages.append says."""
        return await self._batcher.submit(room_id, drafts)

    async def close(self) -> None:
        await self._batcher.close()

    async def _write_batch(self, room_id: str, requests: Sequence[Sequence[MessageDraft]]) -> Sequence[list[Outcome]]:
        drafts = [draft for request in requests for draft in request]
        started_s = time.monotonic()
        try:
            with pymongo.timeout(self._database.timeout_s):
                settled, fresh = await self._append(room_id, drafts, started_s + self._database.timeout_s)
        except (PyMongoError, BSONError) as error:
            raise explained("messages.append", error) from error
        self._database.committed(len(drafts), time.monotonic() - started_s)
        outcomes: list[list[Outcome]] = []
        for request in requests:
            mine = []
            for draft in request:
                key = draft.user_id, draft.client_id
                outcome = settled[key]
                if key in fresh:
                    fresh.discard(key)  # its twin in the same batch is a duplicate
                elif isinstance(outcome, Stored):
                    outcome = Stored(outcome.message, True)
                mine.append(outcome)
            outcomes.append(mine)
        return outcomes

    async def _append(
        self, room_id: str, drafts: Sequence[MessageDraft], deadline_s: float
    ) -> tuple[dict[Key, Outcome], set[Key]]:
        """What became of each draft, and which were stored now."""
        settled: dict[Key, Outcome] = {}
        waiting: dict[Key, CheckedDraft] = {}
        await self._check(room_id, drafts, settled, waiting)
        fresh: set[Key] = set()
        ours: set[ObjectId] = set()  # of all tries: an insert whose answer was lost may have happened, or happen yet
        now = stored_time(self._database.clock())
        lost = 0
        while waiting:
            if time.monotonic() > deadline_s:
                raise StoreTimeout("messages.append")
            head = await self._head(room_id)
            documents = {
                key: message_document(
                    room_id,
                    seq,
                    checked.draft,
                    created_at=now,
                    reply_to=checked.reply_to,
                    thread=checked.thread,
                    attachments=checked.attachments,
                    mentions=checked.mentions,
                )
                | {"_id": ObjectId()}
                for seq, (key, checked) in enumerate(waiting.items(), head + 1)
            }
            ours.update(document["_id"] for document in documents.values())
            try:
                await self._messages.insert_many(documents.values(), ordered=True)
            except PyMongoError as error:
                if duplicate_of(error) is None:
                    self._heads.clear()  # after a failover the new primary may lack what was not written to a majority
                self._heads.pop(room_id, None)
                stored = await self._stored_despite(error, room_id, documents)
                lost += 1
                await asyncio.sleep(random.uniform(0, longest_s(lost, first_s=_RETRY_FIRST_S, most_s=_RETRY_MAX_S)))
            else:
                stored = documents
                self._remember(room_id, head + len(documents))
            for key, document in stored.items():
                settled[key] = outcome = Stored(message_from(document), False)
                checked = waiting.pop(key)
                if document["_id"] in ours:
                    fresh.add(key)
                elif checked.attachments:
                    await self._withdraw_files(room_id, checked, outcome.message)
        await self._mark_read(room_id, [settled[key] for key in fresh])
        return settled, fresh

    async def _check(
        self,
        room_id: str,
        drafts: Sequence[MessageDraft],
        settled: dict[Key, Outcome],
        waiting: dict[Key, CheckedDraft],
    ) -> None:
        """Sort the drafts: those that may be stored, and those that are refused, unless an earlier send of them was
        stored.
        """
        people = {user_id for draft in drafts for user_id in (draft.user_id, *draft.mentions)}
        of_room = {"roomId": room_id, "userId": {"$in": list(people)}, "left": False}
        found = await self._database.members.find(of_room, {"_id": 0, "userId": 1, "mutedUntil": 1}).to_list(None)
        members = {member["userId"]: member.get("mutedUntil") for member in found}
        room_exists = bool(members) or await self._database.rooms.find_one({"_id": room_id}, {"_id": 1}) is not None
        now_ms = self._database.clock()
        refused: dict[Key, Refusal] = {}
        with_files = [(draft.user_id, draft.client_id) for draft in drafts if draft.attachment_ids]
        if with_files:  # a resend must not let anybody read files again that its message shows no more
            for key, document in (await self._stored(room_id, with_files)).items():
                settled[key] = Stored(message_from(document), True)
        for draft in drafts:
            key = draft.user_id, draft.client_id
            if key in waiting or isinstance(settled.get(key), Stored):
                continue
            if not room_exists:
                settled[key] = Refusal.ROOM_NOT_FOUND
            elif draft.user_id not in members:
                refused[key] = Refusal.NOT_MEMBER
            elif (until := members[draft.user_id]) is not None and int(until) > now_ms:
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
            for key, document in (await self._stored(room_id, refused)).items():
                settled[key] = Stored(message_from(document), True)

    async def _check_details(self, room_id: str, draft: MessageDraft, members: Iterable[str]) -> CheckedDraft | Refusal:
        """What few drafts have, checked: the messages it answers and belongs to, its files, its mentions of members."""
        reply_to = await self._seq(room_id, draft.reply_to_id)
        thread = await self._seq(room_id, draft.thread_id)
        if (draft.reply_to_id is None) != (reply_to is None) or (draft.thread_id is None) != (thread is None):
            return Refusal.MESSAGE_NOT_FOUND
        wanted = list(dict.fromkeys(draft.attachment_ids))
        files: dict[str, Document] = {}
        if wanted:
            own = {"_id": {"$in": wanted}, "ownerId": draft.user_id}
            files = {file["_id"]: file for file in await self._database.files.find(own).to_list(None)}
            if len(files) < len(wanted):
                return Refusal.FILE_NOT_FOUND
            # Before the message is there: who sees it may read its files.
            await self._database.files.update_many(
                own, {"$addToSet": {"posts": {"roomId": room_id, "clientId": draft.client_id}}}
            )
        mentions = tuple(who for who in dict.fromkeys(draft.mentions) if who in members)
        return CheckedDraft(draft, reply_to, thread, tuple(file_from(files[file_id]) for file_id in wanted), mentions)

    async def _withdraw_files(self, room_id: str, checked: CheckedDraft, stored: Message) -> None:
        """Take back what `_look_up` let readers do with the files of a draft, where an earlier send of it shows others,
        or none.
        """
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
        seq = seq_in_room(room_id, message_id, await self._head(room_id))
        if seq is None:
            self._heads.pop(room_id, None)  # another process may have written since
            seq = seq_in_room(room_id, message_id, await self._head(room_id))
        return seq

    async def _stored_despite(
        self, error: PyMongoError, room_id: str, documents: dict[Key, Document]
    ) -> dict[Key, Document]:
        """Which of the drafts are stored, though their insert failed.

        Raises the error where trying again cannot help.
        """
        keys = list(documents)
        duplicate = duplicate_of(error)
        if duplicate is None:
            if not (isinstance(error, AutoReconnect) or error.timeout):
                raise error
            return await self._stored(room_id, keys)  # in doubt
        # Ordered: what stood before the duplicate is stored, what stood after it was not tried.
        stored = {key: documents[key] for key in keys[: duplicate.position]}
        if duplicate.index_name != SEQ_INDEX:
            # An earlier send. Where there is one, there may be more: ask for all of them, so that a storm of resends
            # costs two turns.
            stored |= await self._stored(room_id, keys[duplicate.position :])
        return stored

    async def _stored(self, room_id: str, keys: Iterable[Key]) -> dict[Key, Document]:
        """Which of these drafts are stored, by this or an earlier send."""
        wanted = set(keys)
        among = {
            "roomId": room_id,
            "userId": {"$in": list({user_id for user_id, _ in wanted})},
            "clientId": {"$in": list({client_id for _, client_id in wanted})},
        }
        found = await self._messages.find(among).to_list(None)
        stored = {(document["userId"], document["clientId"]): document for document in found}
        return {key: stored[key] for key in sorted(wanted & stored.keys(), key=lambda key: stored[key]["seq"])}

    async def _head(self, room_id: str) -> int:
        head = self._heads.get(room_id)
        if head is None:
            newest = await self._messages.find_one({"roomId": room_id}, {"_id": 0, "seq": 1}, sort=[("seq", -1)])
            head = 0 if newest is None else int(newest["seq"])
            self._remember(room_id, head)
        return head

    def _remember(self, room_id: str, head: int) -> None:
        self._heads[room_id] = head
        self._heads.move_to_end(room_id)
        if len(self._heads) > _HEADS_MAX:
            self._heads.popitem(last=False)

    async def _mark_read(self, room_id: str, outcomes: Iterable[Outcome]) -> None:
        """Move each author's readSeq to their own newest seq.

        Cut off before this, they have a message of their own to read.
        """
        newest: dict[str, Message] = {}
        for outcome in outcomes:
            if isinstance(outcome, Stored):
                message = outcome.message
                if message.user_id not in newest or newest[message.user_id].seq < message.seq:
                    newest[message.user_id] = message
        updates = [
            UpdateOne({"roomId": room_id, "userId": user_id}, {"$max": {"readSeq": message.seq}})
            for user_id, message in newest.items()
        ]
        if updates:
            # The messages are stored: that is what the ack says, whatever becomes of this; nor does it wait long for
            # it.
            with contextlib.suppress(PyMongoError), pymongo.timeout(_MARK_WITHIN_S):
                await self._database.members.bulk_write(updates, ordered=False)
