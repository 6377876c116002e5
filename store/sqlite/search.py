"""Search of messages by the full-text index (FTS5), which has the words and not the text."""

from __future__ import annotations

import apsw

from store.list_cursors import cursor_of_key, key_of_cursor
from store.models import MessageSearch, SearchHit
from store.sqlite.rows import MESSAGE_COLUMNS, as_json, fetch, message_from

_COLUMNS = ", ".join(f"m.{column.strip()}" for column in MESSAGE_COLUMNS.split(","))

# bm25 is smaller for a better match. The order, and so the cursor, is (score, created_at, row), all descending.
_BY_WORDS = f"""
SELECT {_COLUMNS}, m.room_id, -bm25(messages_fts) AS score, m.row AS place
FROM messages_fts CROSS JOIN messages m ON m.row = messages_fts.rowid WHERE messages_fts MATCH :words"""
_BY_FILTERS = f"SELECT {_COLUMNS}, m.room_id, 0.0 AS score, m.row AS place FROM messages m WHERE m.deleted_at IS NULL"
_FILTERS = """
AND m.room_id IN (SELECT value FROM json_each(:rooms))
AND (:author IS NULL OR m.user_id = :author)
AND (:before IS NULL OR m.created_at < :before)
AND (:after IS NULL OR m.created_at >= :after)
AND (NOT :has_file OR EXISTS (SELECT 1 FROM file_posts WHERE room_id = m.room_id AND seq = m.seq))"""
_PAGE = """
SELECT * FROM ({found}) WHERE :score IS NULL OR (score, created_at, place) < (:score, :created_at, :place)
ORDER BY score DESC, created_at DESC, place DESC LIMIT :limit"""

_CREATED_AT = 10  # of MESSAGE_COLUMNS


def search_messages(
    connection: apsw.Connection, search: MessageSearch, *, limit: int, after: str | None
) -> tuple[list[SearchHit], str | None]:
    """As store.contract.Messages.search says, on the caller's snapshot."""
    score, created_at, place = key_of_cursor(after, tuple[float, int, int]) or (None, None, None)
    words = _match_of(search)
    statement = _PAGE.format(found=(_BY_WORDS if words else _BY_FILTERS) + _FILTERS)
    bindings = {
        "words": words,
        "rooms": as_json(search.room_ids),
        "author": search.author_id,
        "before": search.before_ms,
        "after": search.after_ms,
        "has_file": search.has_file,
        "score": score,
        "created_at": created_at,
        "place": place,
        "limit": limit + 1,
    }
    rows = fetch(connection, statement, {name: value for name, value in bindings.items() if f":{name}" in statement})
    hits = [SearchHit(message_from(row[-3], row), row[-2]) for row in rows[:limit]]
    if len(rows) <= limit:
        return hits, None
    last = rows[limit - 1]
    return hits, cursor_of_key((last[-2], last[_CREATED_AT], last[-1]))


def _match_of(search: MessageSearch) -> str:
    """The FTS5 expression that matches all words and phrases, each as a string: a quotation mark is doubled, and NUL,
    which would end it, is replaced.
    """
    texts = (text.replace("\0", " ").replace('"', '""') for text in (*search.words, *search.phrases))
    return " AND ".join(f'"{text}"' for text in texts)
