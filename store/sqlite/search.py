"""Search of messages by the index of words, or by filters alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import apsw

from common.text_folding import search_form
from store.list_cursors import cursor_of_key, key_of_cursor
from store.models import MessageSearch, SearchHit
from store.search_ranking import Candidate, Mark, Span, ranked_page
from store.sqlite.rows import MESSAGE_COLUMNS, as_json, fetch, message_from

_COLUMNS = ", ".join(f"m.{column.strip()}" for column in MESSAGE_COLUMNS.split(","))

# The tables of the index: each has other messages. A read from new to old ends as soon as it has enough.
_INDEXES = ("messages_fts", "messages_folded")
_BY_WORDS = """
SELECT m.row, m.content FROM {index} i CROSS JOIN messages m ON m.row = i.rowid
WHERE {index} MATCH :words AND i.rowid BETWEEN :oldest AND :newest AND {conditions}
ORDER BY i.rowid DESC LIMIT :limit"""
# The `+` keeps the planner from collecting the rooms' messages and sorting them.
_BY_FILTERS = """
SELECT m.row, '' FROM messages m
WHERE m.row BETWEEN :oldest AND :newest AND m.deleted_at IS NULL AND {conditions} ORDER BY m.row DESC LIMIT :limit"""
_MESSAGES = f"SELECT {_COLUMNS}, m.room_id, m.row FROM json_each(?) found CROSS JOIN messages m ON m.row = found.value"

_ROW_MAX = (1 << 63) - 1


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
    pages = ranked_page(texts, limit=limit, after=None if key is None else Mark(*key))
    answer: list[Candidate[int]] | None = None
    while True:
        try:
            span = next(pages) if answer is None else pages.send(answer)
        except StopIteration as end:
            results, mark = end.value
            break
        answer = _candidates(connection, search, texts, span)
    wanted = as_json([-one.place for one in results])
    found = {row[-1]: message_from(row[-2], row) for row in fetch(connection, _MESSAGES, (wanted,))}
    hits = [SearchHit(found[-one.place], one.score) for one in results]
    return hits, None if mark is None else cursor_of_key((mark.newest, mark.oldest, mark.score, mark.place))


def _candidates(
    connection: apsw.Connection, search: MessageSearch, texts: Sequence[str], span: Span[int]
) -> list[Candidate[int]]:
    conditions, bindings = _filters(search)
    bindings |= {
        "newest": -span.newest if span.newest is not None else _ROW_MAX if span.after is None else -span.after - 1,
        "oldest": 0 if span.oldest is None else -span.oldest,
        "limit": span.limit,
    }
    if not texts:
        rows = fetch(connection, _BY_FILTERS.format(conditions=conditions), bindings)
        return [Candidate(-row, "") for row, _ in rows]
    bindings["words"] = " AND ".join(f'"{text}"' for text in texts)  # which have no quotation mark: they are folded
    newest: dict[int, str] = {}
    for index in _INDEXES:
        newest.update(fetch(connection, _BY_WORDS.format(index=index, conditions=conditions), bindings))
    return [Candidate(-row, search_form(newest[row])) for row in sorted(newest, reverse=True)[: span.limit]]


def _filters(search: MessageSearch) -> tuple[str, dict[str, Any]]:
    """The conditions of the filters that are set, and their values."""
    values: dict[str, tuple[str, Any]] = {
        "rooms": ("+m.room_id IN (SELECT value FROM json_each(:rooms))", as_json(search.room_ids)),
        "authors": ("+m.user_id IN (SELECT value FROM json_each(:authors))", as_json(search.author_ids)),
        "before": ("m.created_at < :before", search.before_ms),
        "after": ("m.created_at >= :after", search.after_ms),
        "mentioned": (
            "EXISTS (SELECT 1 FROM json_each(m.extra, '$.mentions') WHERE value IN (:mentioned, 'room'))",
            search.mentioned_id,
        ),
    }
    unset = {"authors"} if not search.author_ids else set()
    used = {name: value for name, value in values.items() if value[1] is not None and name not in unset}
    conditions = [condition for condition, _ in used.values()]
    if search.has_file:
        conditions.append("json_extract(m.extra, '$.attachments[0]') IS NOT NULL")
    return " AND ".join(conditions), {name: value for name, (_, value) in used.items()}
