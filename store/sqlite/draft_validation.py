"""What few drafts have besides their text: a reply, a thread, files, mentions. Checked before anything is written."""

from __future__ import annotations

from collections.abc import Mapping

import apsw
from msgspec import Struct

from store.errors import Refused
from store.ids import seq_in_room
from store.models import ROOM_MENTION, File, MessageDraft, Refusal, Role
from store.room_rules import require_mention_of_all
from store.sqlite.rows import FILE_COLUMNS, as_json, fetch, fetch_one, file_from

_FILES = f"""
SELECT {FILE_COLUMNS}
FROM json_each(?2) wanted CROSS JOIN files f ON f.id = wanted.value WHERE f.owner_id = ?1"""
_ROLE = "SELECT role FROM members WHERE room_id = ? AND user_id = ?"
_ROOT = "SELECT coalesce(thread, seq) FROM messages WHERE room_id = ? AND seq = ?"


class DraftDetails(Struct, frozen=True):
    """What a draft has, after the check: the seqs of the reply and the thread, files, mentions of members."""

    reply_to: int | None = None
    thread: int | None = None
    attachments: tuple[File, ...] = ()
    mentions: tuple[str, ...] = ()


NO_DETAILS = DraftDetails()


def check_details(
    connection: apsw.Connection, room_id: str, draft: MessageDraft, *, head: int, members: Mapping[tuple[str, str], int]
) -> DraftDetails | Refusal:
    """`head` is the room's; `members` has a key (room, user) for each member of those that the draft mentions."""
    if draft.reply_to_id is None and draft.thread_id is None and not draft.attachment_ids and not draft.mentions:
        return NO_DETAILS
    reply_to = seq_in_room(room_id, draft.reply_to_id, head)
    thread = seq_in_room(room_id, draft.thread_id, head)
    if (draft.reply_to_id is None) != (reply_to is None) or (draft.thread_id is None) != (thread is None):
        return Refusal.MESSAGE_NOT_FOUND
    if thread is not None:
        thread = fetch(connection, _ROOT, (room_id, thread))[0][0]
    if ROOM_MENTION in draft.mentions:
        try:
            _require_mention_of_all(connection, room_id, draft)
        except Refused as refused:
            return refused.refusal
    wanted = list(dict.fromkeys(draft.attachment_ids))
    found = {}
    if wanted:
        found = {row[0]: row for row in fetch(connection, _FILES, (draft.user_id, as_json(wanted)))}
        if len(found) < len(wanted):
            return Refusal.FILE_NOT_FOUND
    mentions = tuple(who for who in dict.fromkeys(draft.mentions) if who == ROOM_MENTION or (room_id, who) in members)
    return DraftDetails(reply_to, thread, tuple(file_from(found[file_id]) for file_id in wanted), mentions)


def _require_mention_of_all(connection: apsw.Connection, room_id: str, draft: MessageDraft) -> None:
    """Raises Refused. The role is read only here, for few messages mention all."""
    row = fetch_one(connection, _ROLE, (room_id, draft.user_id))
    require_mention_of_all(None if row is None else Role(row[0]), is_admin=draft.by_admin)
