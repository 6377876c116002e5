"""Search of messages by the index of words, or by filters alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import apsw
from msgspec import Struct, structs

from common.text_folding import search_form
from store.list_cursors import cursor_of_key, key_of_cursor
from store.models import MessageSearch, SearchHit
from store.search_ranking import Candidate, Mark, Span, ranked_page, score_of
from store.sqlite.rows import MESSAGE_COLUMNS_OF_M, Row, as_json, fetch, message_from
from store.word_completions import COMPLETED_FROM_MAX, completions, with_prefix

# The tables of the index: each has other messages. A read from new to old ends as soon as it has enough.
_INDEXES = ("messages_fts", "messages_folded")
_BY_WORDS = """
SELECT m.row, m.content FROM {index} i CROSS JOIN messages m ON m.row = i.rowid
WHERE {index} MATCH :words AND i.rowid BETWEEN :oldest AND :newest {conditions}
ORDER BY i.rowid DESC LIMIT :limit"""

# All messages in the order of their rows, or those of the rooms, by the index on (room_id, seq). The `+` keeps the
# planner from doing the other thing.
_OF_ROOMS = "+m.room_id IN (SELECT value FROM json_each(:rooms))"
_BY_ROW = f"""
SELECT m.row, {{content}} FROM messages m
WHERE m.row BETWEEN :oldest AND :newest {{conditions}} AND {_OF_ROOMS} AND m.deleted_at IS NULL
ORDER BY m.row DESC LIMIT :limit"""
_BY_ROOM = """
SELECT m.row, {content} FROM json_each(:rooms) r CROSS JOIN messages m ON m.room_id = r.value
WHERE +m.row BETWEEN :oldest AND :newest {conditions} AND m.deleted_at IS NULL
ORDER BY +m.row DESC LIMIT :limit"""
# As the index messages_with_file has it, so that this index is read and no other message.
_HAS_FILE = "m.extra IS NOT NULL AND json_extract(m.extra, '$.attachments[0]') IS NOT NULL"
_IS_COMMON = """
SELECT 1 FROM {index} WHERE {index} MATCH :words AND rowid BETWEEN :oldest AND :newest
ORDER BY rowid DESC LIMIT 1 OFFSET :common"""
_OF_ROOMS_ROWS = """
+i.rowid IN (SELECT row FROM messages WHERE room_id IN (SELECT value FROM json_each(:rooms)))"""
_IN_ALL = "SELECT coalesce(max(row), 0) FROM messages"
_IN_ROOMS = """
SELECT coalesce(sum((SELECT max(seq) FROM messages WHERE room_id = value)), 0) FROM json_each(?)"""
# To ask for the number of messages in so many rooms takes some 0.1 ms.
_COUNTED_ROOMS = 100

# The messages that are read without the index of words: this takes some 3 ms.
_READ_MAX = 1000
# A filter that few messages pass has all of them read, unless the rooms have less than this part of all.
_SMALL_PART = 0.2
# Words that more than this part of all messages have: to pass a filter first is quicker than to look at each of these.
_COMMON_PART = 0.1

_MESSAGES = f"""
SELECT {MESSAGE_COLUMNS_OF_M}, m.room_id, m.row
FROM json_each(?) found CROSS JOIN messages m ON m.row = found.value"""

_ROW_MAX = (1 << 63) - 1


class _Scope(Struct, frozen=True):
    """The number of messages in the rooms, or of so many of them that `is_much`, and of all: they choose a plan."""

    in_rooms: int
    in_all: int

    @property
    def is_few(self) -> bool:
        """Whether to read them without the index of words."""
        return self.in_rooms <= _READ_MAX

    def is_less_than_to_find(self, count: int) -> bool:
        """Whether the rooms have less messages than are passed from new to old until `count` of them have come."""
        return self.in_rooms**2 < count * self.in_all

    @property
    def is_small_part(self) -> bool:
        return self.in_rooms < self.in_all * _SMALL_PART

    @property
    def is_much(self) -> bool:
        """Whether no plan depends on how many more there are."""
        return not (self.is_few or self.is_small_part or self.is_less_than_to_find(_READ_MAX))


def search_messages(
    connection: apsw.Connection, search: MessageSearch, *, limit: int, after: str | None
) -> tuple[list[SearchHit], str | None]:
    """As store.contract.Messages.search says, on the caller's snapshot.

    A place in the order of search_ranking is the row, negative.
    """
    key = key_of_cursor(after, tuple[int, int, float, int])
    texts = [form for text in search.texts if (form := search_form(text))]
    if search.texts and not texts:
        return [], None  # the query is punctuation only
    scope = _scope(connection, search.room_ids)
    pages = ranked_page(texts, limit=limit, after=None if key is None else Mark(*key))
    answer: list[Candidate[int]] | None = None
    while True:
        try:
            span = next(pages) if answer is None else pages.send(answer)
        except StopIteration as end:
            results, mark = end.value
            break
        answer = _candidates(connection, search, texts, scope, span)
    wanted = as_json([-one.place for one in results])
    found = {row[-1]: message_from(row[-2], row) for row in fetch(connection, _MESSAGES, (wanted,))}
    hits = [SearchHit(found[-one.place], one.score) for one in results]
    return hits, None if mark is None else cursor_of_key((mark.newest, mark.oldest, mark.score, mark.place))


def _scope(connection: apsw.Connection, room_ids: Sequence[str]) -> _Scope:
    scope = _Scope(0, fetch(connection, _IN_ALL)[0][0])
    for first in range(0, len(room_ids), _COUNTED_ROOMS):
        counted = room_ids[first : first + _COUNTED_ROOMS]
        in_rooms = fetch(connection, _IN_ROOMS, (as_json(counted),))[0][0]
        scope = structs.replace(scope, in_rooms=scope.in_rooms + in_rooms)
        if scope.is_much:
            break
    return scope


def _candidates(
    connection: apsw.Connection, search: MessageSearch, texts: Sequence[str], scope: _Scope, span: Span[int]
) -> list[Candidate[int]]:
    conditions, bindings = _filters(search)
    bindings |= {
        "newest": -span.newest if span.newest is not None else _ROW_MAX if span.after is None else -span.after - 1,
        "oldest": 0 if span.oldest is None else -span.oldest,
        "limit": span.limit,
    }
    if not texts:
        by_room = scope.is_small_part if conditions else scope.is_less_than_to_find(span.limit)
        rows = _by_filters(connection, conditions, bindings, by_room=by_room or search.has_file, with_content=False)
        return [Candidate(-row, "") for row, _ in rows]
    words = " AND ".join(f'"{text}"' for text in texts)  # which have no quotation mark: they are folded
    if scope.is_few or (conditions and _is_common(connection, words, bindings, scope)):
        by_room = scope.is_few or scope.is_small_part or search.has_file
        rows = _by_filters(connection, conditions, bindings | {"limit": _READ_MAX}, by_room=by_room)
        forms = ((row, search_form(content)) for row, content in rows)
        found = [Candidate(-row, form) for row, form in forms if score_of(form, texts)]
        if len(rows) < _READ_MAX or len(found) >= span.limit:
            return found[: span.limit]
    rows = _by_words(connection, words, conditions, bindings, scope)
    return [Candidate(-row, search_form(content)) for row, content in rows]


def _is_common(connection: apsw.Connection, words: str, bindings: dict[str, Any], scope: _Scope) -> bool:
    """Whether one table of the index has an expression more often than the rows are worth to be looked at."""
    values = bindings | {"words": words, "common": int(scope.in_all * _COMMON_PART)}
    return any(fetch(connection, _IS_COMMON.format(index=index), values) for index in _INDEXES)


def _by_words(
    connection: apsw.Connection, words: str, conditions: str, bindings: dict[str, Any], scope: _Scope
) -> list[Row]:
    """The newest rows that the index of words has for an expression."""
    limit = bindings["limit"]
    rooms = _OF_ROOMS_ROWS if scope.is_less_than_to_find(limit) else _OF_ROOMS
    newest: dict[int, str] = {}
    for index in _INDEXES:
        statement = _BY_WORDS.format(index=index, conditions=f"{conditions} AND {rooms}")
        newest.update(fetch(connection, statement, bindings | {"words": words}))
    return [(row, newest[row]) for row in sorted(newest, reverse=True)[:limit]]


def _by_filters(
    connection: apsw.Connection,
    conditions: str,
    bindings: dict[str, Any],
    *,
    by_room: bool,
    with_content: bool = True,
) -> list[Row]:
    statement = _BY_ROOM if by_room else _BY_ROW
    content = "m.content" if with_content else "NULL"
    return fetch(connection, statement.format(content=content, conditions=conditions), bindings)


def _filters(search: MessageSearch) -> tuple[str, dict[str, Any]]:
    """The conditions of the filters that are set but for the rooms, the quickest first, and all values."""
    authors = {f"author{number}": author_id for number, author_id in enumerate(search.author_ids)}
    values: dict[str, Any] = {"rooms": as_json(search.room_ids)} | authors
    conditions = []
    if authors:
        conditions.append(f"+m.user_id IN ({', '.join(f':{name}' for name in authors)})")
    if search.before_ms is not None:
        values["before"] = search.before_ms
        conditions.append("m.created_at < :before")
    if search.after_ms is not None:
        values["after"] = search.after_ms
        conditions.append("m.created_at >= :after")
    if search.has_file:
        conditions.append(_HAS_FILE)
    if search.mentioned_id is not None:
        values["mentioned"] = search.mentioned_id
        conditions.append(
            "m.extra IS NOT NULL "
            "AND EXISTS (SELECT 1 FROM json_each(m.extra, '$.mentions') WHERE value IN (:mentioned, 'room'))"
        )
    return "".join(f" AND {condition}" for condition in conditions), values


def complete(connection: apsw.Connection, room_ids: Sequence[str], prefix: str, *, limit: int) -> list[str]:
    """As store.contract.Messages.complete says, on the caller's snapshot."""
    prefix = search_form(prefix)
    if not prefix or " " in prefix:
        return []
    scope = _scope(connection, room_ids)
    bindings = {"rooms": as_json(room_ids), "newest": _ROW_MAX, "oldest": 0, "limit": _READ_MAX}
    recent = _by_filters(connection, "", bindings, by_room=scope.is_less_than_to_find(_READ_MAX))
    contents = list(with_prefix((content for _, content in recent), prefix))
    # What the index has of a beginning is joined before the first row comes: 160 ms if every message has such a word.
    if len(contents) < COMPLETED_FROM_MAX and not scope.is_few:
        rows = _by_words(connection, f'"{prefix}"*', "", bindings | {"limit": COMPLETED_FROM_MAX}, scope)
        contents = list(with_prefix((content for _, content in rows), prefix))
    return completions(contents, prefix, limit=limit)
