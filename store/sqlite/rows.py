"""Conversion of rows to models: lists of columns, and the functions that read them. Knows no statements."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import apsw
import msgspec
from msgspec import structs

from common.rfc3339 import rfc3339
from store.ids import file_url
from store.models import DELETED_USERNAME, File, Membership, Message, Reaction, Role, Room, Standing, Status, User

Row = tuple[Any, ...]

USER_COLUMNS = """u.id, u.username, u.display_name, u.avatar_url, u.text_color, u.background_color,
    u.status, u.custom_status, u.created_at, u.status_rev, u.bot_room_id"""

ROOM_COLUMNS = """r.id, r.name, r.description, r.is_private, r.kind, r.owner_id, r.max_users, r.member_count,
    r.slow_mode_s, r.archived_at, r.created_at,
    (SELECT max(seq) FROM messages WHERE room_id = r.id), (SELECT max(rev) FROM changes WHERE room_id = r.id)"""

MEMBERSHIP_COLUMNS = """m.role, m.read_seq, m.muted_until,
    (SELECT count(*) FROM mentions
     WHERE user_id IN (m.user_id, 'room') AND room_id = m.room_id AND seq > m.read_seq),
    m.joined_rev"""

# The last one: whether the author deleted the account. No column has a comma in it, for others put each after the name
# of its table.
MESSAGE_COLUMNS = (
    "seq, rev, user_id, username, type, content, client_id, reply_to, thread, extra, created_at, edited_at, "
    "deleted_at, user_id IN (SELECT account_id FROM ended_accounts)"
)
MESSAGE_COLUMNS_OF_M = ", ".join(f"m.{column}" for column in MESSAGE_COLUMNS.split(", "))
# Of a table that keeps whole messages as text: the changes log, and reports.
KEPT_MESSAGE_COLUMNS = "message, message ->> '$.userId' IN (SELECT account_id FROM ended_accounts)"

FILE_COLUMNS = "f.id, f.name, f.size, f.mime_type, f.sha256, f.width, f.height, f.has_thumbnail"


class MessageExtra(msgspec.Struct, frozen=True, omit_defaults=True, rename="camel"):
    """The values that few messages have, stored as JSON in one column."""

    mentions: tuple[str, ...] = ()
    attachments: tuple[File, ...] = ()
    reactions: dict[str, Reaction] = {}


_NO_EXTRA = MessageExtra()
_ROLES = {role.value: role for role in Role}
_REACTION = ',"isReaction":true}'
_decode_extra = msgspec.json.Decoder(MessageExtra).decode
_decode_message = msgspec.json.Decoder(Message).decode


def fetch(connection: apsw.Connection, statement: str, bindings: Sequence[Any] | Mapping[str, Any] = ()) -> list[Row]:
    """All rows of a statement, which must bound their number."""
    return connection.execute(statement, bindings).fetchall()


def fetch_one(connection: apsw.Connection, statement: str, bindings: Sequence[Any] = ()) -> Row | None:
    """The first row, None if there is none."""
    return connection.execute(statement, bindings).fetchone()


def as_json(values: Sequence[Any]) -> str:
    """A JSON array for json_each, so that a list of any length is one bound value."""
    return msgspec.json.encode(values).decode()


def message_extra_text(extra: MessageExtra) -> str | None:
    return None if extra == _NO_EXTRA else msgspec.json.encode(extra).decode()


def entry_text(message: Message, *, is_reaction: bool) -> str:
    """A message as an entry of the changes log stores it. One of a reaction has a further field, which decoders of
    messages ignore.
    """
    text = msgspec.json.encode(message).decode()
    return text[:-1] + _REACTION if is_reaction else text


def kept_message(text: str, has_author_ended: int) -> Message:
    """A message that is kept as text, from KEPT_MESSAGE_COLUMNS."""
    message = _decode_message(text)
    return structs.replace(message, username=DELETED_USERNAME) if has_author_ended else message


def entry_message(text: str | None, has_author_ended: int | None) -> Message | None:
    """The message of an entry of the changes log, from KEPT_MESSAGE_COLUMNS; None for one of something else."""
    return None if text is None or has_author_ended is None else kept_message(text, has_author_ended)


def is_reaction_entry(text: str | None) -> bool:
    """Whether an entry is of a reaction. The mark is at the end of the text, where no value of a message can be."""
    return text is not None and text.endswith(_REACTION)


def time_or_none(epoch_ms: int | None) -> str | None:
    return None if epoch_ms is None else rfc3339(epoch_ms)


def user_from(row: Row) -> User:
    """A user from USER_COLUMNS; further columns are ignored."""
    return User(
        id=row[0],
        username=row[1],
        display_name=row[2],
        avatar_url=row[3],
        text_color=row[4],
        background_color=row[5],
        status=Status(row[6]),
        custom_status=row[7],
        created_at=rfc3339(row[8]),
        status_rev=row[9],
        bot_room_id=row[10],
    )


def room_from(row: Row) -> Room:
    """A room from ROOM_COLUMNS, which are in the order of the fields; further columns are ignored."""
    last_seq, rev = row[11:13]
    # By place, for a page has many: by name each took twice as long
    values: list[Any] = [*row[:11], last_seq or 0, rev or 0]
    values[3] = bool(row[3])
    values[9] = time_or_none(row[9])
    values[10] = _made_at(row[10])
    return Room(*values)


_made_at = lru_cache(maxsize=4096)(rfc3339)  # the same rooms are listed again and again


def membership_from(row: Row, last_seq: int) -> Membership | None:
    """A membership from MEMBERSHIP_COLUMNS; None where an outer join found none."""
    role, read_seq, muted_until_ms, mention_count, joined_rev = row[:5]
    if role is None:
        return None
    return Membership(
        _ROLES[role], read_seq, last_seq - read_seq, mention_count, time_or_none(muted_until_ms), joined_rev
    )


def standing_from(row: Row) -> Standing:
    """A standing from ROOM_COLUMNS, then MEMBERSHIP_COLUMNS."""
    room = room_from(row)
    return Standing(room, membership_from(row[13:], room.last_seq))


def message_from(room_id: str, row: Row) -> Message:
    """A message from MESSAGE_COLUMNS; further columns are ignored."""
    (
        seq,
        rev,
        user_id,
        username,
        kind,
        content,
        client_id,
        reply_to,
        thread,
        extra,
        created_at,
        edited_at,
        deleted_at,
        has_author_ended,
    ) = row[:14]
    more = _NO_EXTRA if extra is None else _decode_extra(extra)
    return Message(
        id=f"{room_id}-{seq}",
        room_id=room_id,
        seq=seq,
        rev=rev,
        user_id=user_id,
        username=DELETED_USERNAME if has_author_ended else username,
        type=kind,
        content=content,
        client_id=client_id,
        reply_to_id=None if reply_to is None else f"{room_id}-{reply_to}",
        thread_id=None if thread is None else f"{room_id}-{thread}",
        attachments=more.attachments,
        mentions=more.mentions,
        reactions=more.reactions,
        created_at=rfc3339(created_at),
        edited_at=time_or_none(edited_at),
        deleted_at=time_or_none(deleted_at),
    )


def file_from(row: Row) -> File:
    """A file from FILE_COLUMNS."""
    file_id, name, size, mime_type, sha256, width, height, has_thumbnail = row
    url = file_url(file_id)
    return File(
        id=file_id,
        url=url,
        name=name,
        size=size,
        mime_type=mime_type,
        sha256=sha256,
        width=width,
        height=height,
        thumbnail_url=f"{url}/thumbnail" if has_thumbnail else None,
    )
