"""Appending messages: the write that happens most often, inside the writer's transaction.

Rooms and members are read once for a whole batch, those alone that are not in the cache. The inserts are one statement
where all drafts are plain, else one for each message. The index of words follows behind the commit where the caller
says so (`indexes_behind`, pending_rows.py).
"""

from __future__ import annotations

from collections.abc import Sequence

import apsw
from msgspec import Struct

from common.rfc3339 import rfc3339
from common.text_folding import search_form
from store.models import ROOM_MENTION, AppendOutcome, Message, MessageDraft, Refusal, Stored, TooSoon
from store.sqlite.append_cache import AppendCache
from store.sqlite.draft_validation import NO_DETAILS, DraftDetails, check_details
from store.sqlite.pending_rows import mark_pending
from store.sqlite.rows import (
    MESSAGE_COLUMNS,
    MessageExtra,
    as_json,
    fetch,
    fetch_one,
    message_extra_text,
    message_from,
)
from store.sqlite.search_index import index_new_rows
from store.sqlite.slow_mode import slow_mode_wait_s

_HEADS = """
SELECT r.id, (SELECT coalesce(max(seq), 0) FROM messages WHERE room_id = r.id), r.archived_at, r.slow_mode_s
FROM json_each(?) wanted CROSS JOIN rooms r ON r.id = wanted.value"""
_PEOPLE = """
SELECT m.room_id, m.user_id, coalesce(m.muted_until, 0) FROM json_each(?) wanted
CROSS JOIN members m ON m.room_id = wanted.value ->> 0 AND m.user_id = wanted.value ->> 1"""
_STORED = f"SELECT {MESSAGE_COLUMNS} FROM messages WHERE room_id = ? AND user_id = ? AND client_id = ?"

_INSERT = """
INSERT INTO messages (room_id, seq, user_id, username, content, client_id, reply_to, thread, extra, created_at)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"""
MULTI_INSERT_MAX = (
    64  # messages in one statement; each number of them is a statement of its own in the connection's cache
)
_MULTI_INSERT = """
INSERT INTO messages (room_id, seq, user_id, username, content, client_id, created_at) VALUES """
_READ_OWN = """
UPDATE members SET read_seq = ?1, sent_at = ?2 WHERE room_id = ?3 AND user_id = ?4 AND read_seq < ?1"""
_READ_OWN_OF_ALL = """
UPDATE members SET read_seq = own.value ->> 2, sent_at = ?2 FROM json_each(?1) own
WHERE room_id = own.value ->> 0 AND user_id = own.value ->> 1 AND read_seq < own.value ->> 2"""
_MENTION = "INSERT OR IGNORE INTO mentions (user_id, room_id, seq) VALUES (?, ?, ?)"
_POST_FILE = "INSERT OR IGNORE INTO file_posts (file_id, room_id, seq) VALUES (?, ?, ?)"


class AppendRequest(Struct, frozen=True):
    """One call's drafts."""

    room_id: str
    drafts: Sequence[MessageDraft]


class AppendTransaction:
    """The appends of one transaction, for one `run`. Refuses drafts before it writes, so it needs no savepoint."""

    def __init__(
        self, connection: apsw.Connection, cache: AppendCache, now_ms: int, *, indexes_behind: bool = False
    ) -> None:
        self._connection = connection
        self._indexes_behind = indexes_behind
        self._cache = cache
        self._now_ms = now_ms
        self._created_at = rfc3339(now_ms)
        self._heads = cache.heads
        self._restricted = cache.restricted
        self._muted_until = cache.muted_until
        self._newest_own: dict[tuple[str, str], int] = {}
        self._first_row = 0
        self._rows = 0
        self._unlike: list[tuple[int, str]] = []  # the texts that are not ASCII, with their places among the rows

    def run(self, requests: Sequence[AppendRequest]) -> list[list[AppendOutcome]]:
        """Store the drafts of all requests. Returns the outcomes of each, as store.contract.Messages.append says."""
        connection = self._connection
        self._cache.begin(connection)
        self._read_unknown(requests)
        outcomes = self._append_in_one_statement(requests)
        if outcomes is None:
            outcomes = [[self._append(request.room_id, draft) for draft in request.drafts] for request in requests]
        if self._rows:
            self._index()
            self._read_own()
            self._cache.keep(connection)
        return outcomes

    def _read_unknown(self, requests: Sequence[AppendRequest]) -> None:
        """Read the rooms, authors and mentioned people that the cache does not have."""
        heads, muted_until = self._heads, self._muted_until
        rooms = {request.room_id for request in requests if request.room_id not in heads}
        if rooms:
            for room_id, head, *restriction in fetch(self._connection, _HEADS, (as_json([*rooms]),)):
                heads[room_id] = head
                if restriction != [None, 0]:
                    self._restricted[room_id] = tuple(restriction)
        people = {
            who
            for request in requests
            for draft in request.drafts
            for user_id in (draft.user_id, *draft.mentions)
            if (who := (request.room_id, user_id)) not in muted_until
        }
        if people:
            for room_id, user_id, until in fetch(self._connection, _PEOPLE, (as_json([*people]),)):
                muted_until[room_id, user_id] = until

    def _index(self) -> None:
        """No other transaction writes at the same time, so the new rows are consecutive."""
        first = self._first_row
        if not self._indexes_behind:
            folded = [(first + place, search_form(text)) for place, text in self._unlike]
            index_new_rows(self._connection, first, first + self._rows - 1, folded)
        elif self._cache.pending_from is None or first < self._cache.pending_from:
            mark_pending(self._connection, first)
            self._cache.pending_from = first

    def _read_own(self) -> None:
        """Who sent has read up to their own newest message."""
        if len(self._newest_own) == 1:
            (who, seq), *_ = self._newest_own.items()
            self._connection.execute(_READ_OWN, (seq, self._now_ms, *who))
            return
        own = as_json([[*who, seq] for who, seq in self._newest_own.items()])
        self._connection.execute(_READ_OWN_OF_ALL, (own, self._now_ms))

    def _append_in_one_statement(self, requests: Sequence[AppendRequest]) -> list[list[AppendOutcome]] | None:
        """Insert all drafts by one statement, because each step of a statement releases the GIL and waits for it again.

        Returns None, with nothing written, if a draft needs more checks or a clientId is stored already.
        """
        count = sum(len(request.drafts) for request in requests)
        if not 2 <= count <= MULTI_INSERT_MAX:
            return None
        heads: dict[str, int] = {}
        newest_own: dict[tuple[str, str], int] = {}
        values: list[str | int] = []
        outcomes: list[list[AppendOutcome]] = []
        for request in requests:
            room_id = request.room_id
            head = heads.get(room_id) or self._heads.get(room_id, 0)
            stored: list[AppendOutcome] = []
            for draft in request.drafts:
                if not self._is_plain(room_id, draft):
                    return None
                head += 1
                newest_own[room_id, draft.user_id] = head
                values += (
                    room_id, head, draft.user_id, draft.username, draft.content, draft.client_id, self._now_ms
                )  # fmt: skip
                stored.append(Stored(self._message(room_id, head, draft), False))
            heads[room_id] = head
            outcomes.append(stored)
        try:
            self._connection.execute(_MULTI_INSERT + ", ".join(["(?, ?, ?, ?, ?, ?, ?)"] * count), values)
        except apsw.ConstraintError:
            return None  # the statement alone was undone
        self._heads.update(heads)
        self._newest_own, self._rows = newest_own, count
        contents = (draft.content for request in requests for draft in request.drafts)
        self._unlike = [(place, text) for place, text in enumerate(contents) if not text.isascii()]
        self._first_row = self._connection.last_insert_rowid() - count + 1
        return outcomes

    def _is_plain(self, room_id: str, draft: MessageDraft) -> bool:
        """Whether a draft needs no check but that of its author's membership, and passes that one."""
        muted_until = self._muted_until.get((room_id, draft.user_id))
        return (
            room_id in self._heads
            and room_id not in self._restricted
            and muted_until is not None
            and muted_until <= self._now_ms
            and draft.reply_to_id is None
            and draft.thread_id is None
            and not draft.attachment_ids
            and not draft.mentions
        )

    def _message(self, room_id: str, seq: int, draft: MessageDraft, details: DraftDetails = NO_DETAILS) -> Message:
        thread_id = None if details.thread is None else f"{room_id}-{details.thread}"
        # Positional, in the order of the class: keywords cost as much again on this path.
        return Message(
            f"{room_id}-{seq}", room_id, seq, 0, draft.user_id, draft.username, "text", draft.content, draft.client_id,
            draft.reply_to_id, thread_id, details.attachments, details.mentions, {}, self._created_at, None, None,
        )  # fmt: skip

    def _append(self, room_id: str, draft: MessageDraft) -> AppendOutcome:
        head = self._heads.get(room_id)
        if head is None:
            return Refusal.ROOM_NOT_FOUND
        who = (room_id, draft.user_id)
        muted_until = self._muted_until.get(who)
        if muted_until is None:
            return Refusal.NOT_MEMBER
        if muted_until > self._now_ms:
            return self._stored(room_id, draft) or Refusal.MUTED
        if room_id in self._restricted and (refusal := self._restriction(room_id, draft)) is not None:
            return self._stored(room_id, draft) or refusal
        details = check_details(self._connection, room_id, draft, head=head, members=self._muted_until)
        if isinstance(details, Refusal):
            return self._stored(room_id, draft) or details
        return self._insert(room_id, draft, head + 1, details)

    def _restriction(self, room_id: str, draft: MessageDraft) -> AppendOutcome | None:
        """What an archived room, or slow mode, says of a draft; None if nothing."""
        archived_at, slow_mode_s = self._restricted[room_id]
        if archived_at is not None:
            return Refusal.FORBIDDEN
        if draft.by_admin:
            return None
        wait_s = slow_mode_wait_s(
            self._connection,
            room_id,
            draft.user_id,
            slow_mode_s=slow_mode_s,
            now_ms=self._now_ms,
            sent_now=(room_id, draft.user_id) in self._newest_own,
        )
        return TooSoon(wait_s) if wait_s else None

    def _insert(self, room_id: str, draft: MessageDraft, seq: int, details: DraftDetails) -> AppendOutcome:
        connection = self._connection
        extra = None
        if details is not NO_DETAILS:
            extra = message_extra_text(MessageExtra(mentions=details.mentions, attachments=details.attachments))
        connection.execute(
            _INSERT,
            (room_id, seq, draft.user_id, draft.username, draft.content, draft.client_id,
             details.reply_to, details.thread, extra, self._now_ms),
        )  # fmt: skip
        if not connection.changes():
            stored = self._stored(room_id, draft)
            if stored is None:
                raise AssertionError(f"seq {seq} of {room_id} was taken, though the transaction is alone")
            return stored
        if not draft.content.isascii():
            self._unlike.append((self._rows, draft.content))
        self._rows += 1
        if self._rows == 1:
            self._first_row = connection.last_insert_rowid()
        self._heads[room_id] = self._newest_own[room_id, draft.user_id] = seq
        if extra is not None:
            # Who is mentioned by id too counts the message once.
            mentioned = (ROOM_MENTION,) if ROOM_MENTION in details.mentions else details.mentions
            connection.executemany(_MENTION, [(user_id, room_id, seq) for user_id in mentioned])
            connection.executemany(_POST_FILE, [(file.id, room_id, seq) for file in details.attachments])
        return Stored(self._message(room_id, seq, draft, details), False)

    def _stored(self, room_id: str, draft: MessageDraft) -> Stored | None:
        """The message that an earlier send of this draft stored, in its current form; None if there is none."""
        row = fetch_one(self._connection, _STORED, (room_id, draft.user_id, draft.client_id))
        return None if row is None else Stored(message=message_from(room_id, row), duplicate=True)
