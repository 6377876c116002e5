"""Appending messages: the write that happens most often.

A batch is one ordered insert at the room's head + 1, head + 2 …. The index on (roomId, seq) is unique, so of two
processes one succeeds and the other continues at a newer head. An ordered insert stores a prefix of its documents, so
there are no holes. After any error the clientIds of the batch are looked up before anything is numbered again: an
insert whose answer was lost may have happened, or may still happen, and then violates the index on (roomId, seq) or
the one on (roomId, userId, clientId). Before another try it is asked again who may write to the room: time has passed.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections.abc import Iterable, Sequence

import pymongo
from bson.datetime_ms import DatetimeMS
from bson.errors import BSONError
from bson.objectid import ObjectId
from pymongo import UpdateOne
from pymongo.errors import AutoReconnect, PyMongoError

from common.backoff import longest_s
from store.errors import StoreTimeout
from store.keyed_batcher import KeyedBatcher
from store.models import AppendOutcome, Message, MessageDraft, Refusal, Stored
from store.mongo.database import Database, Document, stored_time
from store.mongo.documents import message_document, message_from
from store.mongo.draft_validation import CheckedDraft, DraftCheck, Key, stored_drafts
from store.mongo.errors import duplicate_of, explained
from store.mongo.indexes import SEQ_INDEX
from store.mongo.room_heads_cache import RoomHeads

BATCH_MAX = 500
_WAITING_MAX = 10_000
_RETRY_FIRST_S = 0.004
_RETRY_MAX_S = 0.05
_MARK_WITHIN_S = 1.0


class Appender:
    """Stores drafts: one batch at a time of each room."""

    def __init__(self, *, database: Database, batch_max: int = BATCH_MAX) -> None:
        self._database = database
        self._messages = database.messages
        self._heads = RoomHeads(database=database)
        self._draft_check = DraftCheck(database=database, heads=self._heads)
        self._batcher: KeyedBatcher[Sequence[MessageDraft], list[AppendOutcome]] = KeyedBatcher(
            work=self._write_batch, batch_max=batch_max, waiting_max=_WAITING_MAX, timeout_s=database.timeout_s
        )

    async def append(self, room_id: str, drafts: Sequence[MessageDraft]) -> list[AppendOutcome]:
        """As store.contract.Messages.append says."""
        return await self._batcher.submit(room_id, drafts)

    async def close(self) -> None:
        await self._batcher.close()

    async def _write_batch(
        self, room_id: str, requests: Sequence[Sequence[MessageDraft]]
    ) -> Sequence[list[AppendOutcome]]:
        drafts = [draft for request in requests for draft in request]
        started_s = time.monotonic()
        try:
            with pymongo.timeout(self._database.timeout_s):
                settled, fresh = await self._append(room_id, drafts, started_s + self._database.timeout_s)
        except (PyMongoError, BSONError) as error:
            raise explained("messages.append", error) from error
        self._database.committed(len(drafts), time.monotonic() - started_s)
        outcomes: list[list[AppendOutcome]] = []
        for request in requests:
            mine = []
            for draft in request:
                key = draft.user_id, draft.client_id
                outcome = settled[key]
                if key in fresh:
                    fresh.discard(key)  # a second draft of this key in the same batch is a duplicate
                elif isinstance(outcome, Stored):
                    outcome = Stored(outcome.message, True)
                mine.append(outcome)
            outcomes.append(mine)
        return outcomes

    async def _append(
        self, room_id: str, drafts: Sequence[MessageDraft], deadline_s: float
    ) -> tuple[dict[Key, AppendOutcome], set[Key]]:
        """Store the drafts. Returns the outcome of each, and the keys of those that were stored now.

        Raises StoreTimeout past the deadline, PyMongoError.
        """
        settled: dict[Key, AppendOutcome] = {}
        waiting: dict[Key, CheckedDraft] = {}
        await self._draft_check.check(room_id, drafts, settled, waiting)
        fresh: set[Key] = set()
        # Of all tries: an insert whose answer was lost may have happened, or may still happen.
        ours: set[ObjectId] = set()
        now = stored_time(self._database.clock())
        lost = 0
        while waiting:
            if time.monotonic() > deadline_s:
                raise StoreTimeout("messages.append")
            head = await self._heads.get(room_id)
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
            refused: dict[Key, Refusal] = {}
            try:
                await self._messages.insert_many(documents.values(), ordered=True)
            except PyMongoError as error:
                if duplicate_of(error) is None:
                    self._heads.forget_all()
                self._heads.forget(room_id)
                stored = await self._stored_despite(error, room_id, documents)
                lost += 1
                await asyncio.sleep(random.uniform(0, longest_s(lost, first_s=_RETRY_FIRST_S, most_s=_RETRY_MAX_S)))
                left = {key: checked for key, checked in waiting.items() if key not in stored}
                if left and (refused := await self._draft_check.check_again(room_id, left)):
                    # A lost insert may have happened meanwhile.
                    stored |= await stored_drafts(self._database, room_id, refused)
            else:
                stored = documents
                self._heads.remember(room_id, head + len(documents))
            for key, document in stored.items():
                settled[key] = outcome = Stored(message_from(document), False)
                checked = waiting.pop(key)
                if document["_id"] in ours:
                    fresh.add(key)
                elif checked.attachments:
                    await self._draft_check.withdraw_files(room_id, checked, outcome.message)
            for key in refused.keys() & waiting.keys():
                settled[key] = refused[key]
                await self._draft_check.withdraw_files(room_id, waiting.pop(key), None)
        await self._mark_read(room_id, [settled[key] for key in fresh], now)
        return settled, fresh

    async def _stored_despite(
        self, error: PyMongoError, room_id: str, documents: dict[Key, Document]
    ) -> dict[Key, Document]:
        """The drafts that are stored although their insert failed.

        Raises `error` where another try cannot help.
        """
        keys = list(documents)
        duplicate = duplicate_of(error)
        if duplicate is None:
            if not (isinstance(error, AutoReconnect) or error.timeout):
                raise error
            return await stored_drafts(self._database, room_id, keys)  # it may have been written
        # The insert is ordered: what stood before the duplicate is stored, what stood after it was not tried.
        stored = {key: documents[key] for key in keys[: duplicate.position]}
        if duplicate.index_name != SEQ_INDEX:
            # A draft was stored by an earlier send. Others may be too: read all of them at once, so that many resends
            # cost two round trips.
            stored |= await stored_drafts(self._database, room_id, keys[duplicate.position :])
        return stored

    async def _mark_read(self, room_id: str, outcomes: Iterable[AppendOutcome], sent_at: DatetimeMS) -> None:
        """Move each author's readSeq to their own newest seq, and sentAt to its time.

        A process that ends before this leaves the author with an unread message of their own.
        """
        newest: dict[str, Message] = {}
        for outcome in outcomes:
            if isinstance(outcome, Stored):
                message = outcome.message
                if message.user_id not in newest or newest[message.user_id].seq < message.seq:
                    newest[message.user_id] = message
        updates = [
            UpdateOne(
                {"roomId": room_id, "userId": user_id},
                {"$max": {"readSeq": message.seq, "sentAt": sent_at}},
            )
            for user_id, message in newest.items()
        ]
        if updates:
            # The ack confirms the stored messages alone: a failure here does not change it, and delays it by at
            # most _MARK_WITHIN_S.
            with contextlib.suppress(PyMongoError), pymongo.timeout(_MARK_WITHIN_S):
                await self._database.members.bulk_write(updates, ordered=False)
