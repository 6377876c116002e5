"""The index of words: what is written to it for a message, and how rows of older programs come to their new place.

Two tables: messages_fts has the messages that are plain ASCII, messages_folded the others, in their search form. A
program of before this writes every message to messages_fts, as it is written. It edits none. So what is in messages_fts
was always indexed as it is written, and is taken out with that; FTS5 would be damaged by any other text.

New messages may be indexed behind their commit: pending_rows.py does that.
"""

from __future__ import annotations

from collections.abc import Sequence

import apsw
from msgspec import Struct

from common.text_folding import search_form
from store.sqlite.database import Database
from store.sqlite.rows import as_json, fetch, fetch_one

_INDEX_ROWS = """
INSERT INTO messages_fts (rowid, content)
SELECT row, content FROM messages WHERE row BETWEEN ? AND ? AND content IS NOT NULL"""
_INDEX_OTHER_ROWS = f"{_INDEX_ROWS} AND row NOT IN (SELECT value ->> 0 FROM json_each(?))"
_INDEX_FOLDED_ROWS = """
INSERT INTO messages_folded (rowid, content) SELECT value ->> 0, value ->> 1 FROM json_each(?)"""

_INDEX = "INSERT INTO messages_fts (rowid, content) VALUES (?, ?)"
_UNINDEX = "INSERT INTO messages_fts (messages_fts, rowid, content) VALUES ('delete', ?, ?)"
_INDEX_FOLDED = "INSERT INTO messages_folded (rowid, content) VALUES (?, ?)"
_UNINDEX_FOLDED = "DELETE FROM messages_folded WHERE rowid = ?"
_IS_FOLDED = "SELECT 1 FROM messages_folded_docsize WHERE id = ?"
_HAS_WORD = "SELECT 1 FROM messages_fts WHERE messages_fts MATCH ? AND rowid = ?"
_PENDING = "SELECT row FROM search_pending WHERE id = 1"

_PROGRESS = "SELECT row FROM search_progress WHERE id = 1"
_ADVANCE = "UPDATE search_progress SET row = max(row, ?) WHERE id = 1"
_NEWEST = """
SELECT coalesce(min(max(row), (SELECT row - 1 FROM search_pending WHERE id = 1)), max(row), 0) FROM messages"""
# Of these rows those that are not plain ASCII and not in messages_folded.
_UNFOLDED = """
SELECT row, content FROM messages
WHERE row > ?1 AND row <= ?2 AND content GLOB '*[^' || char(1) || '-' || char(127) || ']*'
AND NOT EXISTS (SELECT 1 FROM messages_folded_docsize WHERE id = messages.row) ORDER BY row LIMIT ?3"""
_IS_UNFOLDED = """
SELECT 1 FROM messages WHERE row = ?1 AND content = ?2
AND NOT EXISTS (SELECT 1 FROM messages_folded_docsize WHERE id = ?1)
AND NOT EXISTS (SELECT 1 FROM search_pending WHERE row <= ?1)"""


def index_new_rows(connection: apsw.Connection, first: int, last: int, folded: Sequence[tuple[int, str]]) -> None:
    """Index the messages of consecutive rows; `folded` has the row and the search form of those that are not ASCII."""
    if not folded:
        connection.execute(_INDEX_ROWS, (first, last))
        return
    rows = as_json(folded)
    if len(folded) <= last - first:
        connection.execute(_INDEX_OTHER_ROWS, (first, last, rows))
    connection.execute(_INDEX_FOLDED_ROWS, (rows,))


def index(connection: apsw.Connection, row: int, content: str) -> None:
    """Index the content of a row that is not in the index."""
    if content.isascii():
        connection.execute(_INDEX, (row, content))
    else:
        connection.execute(_INDEX_FOLDED, (row, search_form(content)))


def reindex(connection: apsw.Connection, row: int, before: str | None, after: str | None) -> None:
    """Follow a change of a row's content. A pending row is in no index: it will be with what it says then."""
    pending = pending_from(connection)
    if pending is not None and row >= pending:
        return
    if before is not None:
        _unindex(connection, row, before)
    if after is not None:
        index(connection, row, after)


def pending_from(connection: apsw.Connection) -> int | None:
    """The first row that is pending, as all later ones are; None: all are indexed."""
    found = fetch_one(connection, _PENDING)
    return None if found is None else int(found[0])


def is_indexed(connection: apsw.Connection, row: int, content: str) -> bool:
    """Whether a row, which has this content, is in the index, or has no word to be in it with."""
    if not content.isascii():
        return fetch_one(connection, _IS_FOLDED, (row,)) is not None
    word, _, _ = search_form(content).partition(" ")
    return not word or fetch_one(connection, _HAS_WORD, (f'"{word}"', row)) is not None


def _unindex(connection: apsw.Connection, row: int, content: str) -> None:
    if not content.isascii() and fetch_one(connection, _IS_FOLDED, (row,)) is not None:
        connection.execute(_UNINDEX_FOLDED, (row,))
    else:
        connection.execute(_UNINDEX, (row, content))


class _Slice(Struct, frozen=True):
    """Rows that are to be moved, with their content, and up to which row all has been looked at with them."""

    unfolded: list[tuple[int, str]]
    upto: int


class IndexSweep:
    """Moves the rows that a program of before this indexed to messages_folded, each row of the table once.

    To look through many rows takes some 100 ms, so it is a read; the writer, for which all messages wait, is asked for
    what is to be moved alone, `moved_max` rows and some `moved_characters` at a time: 10 to 20 ms.
    """

    def __init__(
        self,
        *,
        database: Database,
        slice_rows: int = 5000,
        moved_max: int = 500,
        moved_characters: int = 50_000,
    ) -> None:
        self._database = database
        self._slice_rows = slice_rows
        self._moved_max = moved_max
        self._moved_characters = moved_characters

    async def sweep(self, _: int) -> tuple[int, bool]:
        """Look at one slice. Returns 0, because nothing is removed, and whether there may be more."""
        found = await self._database.read("store.index", self._read)
        if found is None:
            return 0, False
        await self._database.write("store.index", lambda connection: _move(connection, found))
        return 0, True

    def _read(self, connection: apsw.Connection) -> _Slice | None:
        after = fetch(connection, _PROGRESS)[0][0]
        newest = fetch(connection, _NEWEST)[0][0]  # but for what is pending
        if after >= newest:
            return None
        upto = min(after + self._slice_rows, newest)
        unfolded: list[tuple[int, str]] = []
        characters = 0
        for row, content in connection.execute(_UNFOLDED, (after, upto, self._moved_max)):
            unfolded.append((row, content))
            characters += len(content)
            if characters >= self._moved_characters:
                break
        is_all = len(unfolded) < self._moved_max and characters < self._moved_characters
        return _Slice(unfolded, upto if is_all else unfolded[-1][0])


def _move(connection: apsw.Connection, found: _Slice) -> None:
    for row, content in found.unfolded:
        # It may have been edited or deleted since, or moved by another process.
        if fetch_one(connection, _IS_UNFOLDED, (row, content)) is not None:
            connection.execute(_UNINDEX, (row, content))
            connection.execute(_INDEX_FOLDED, (row, search_form(content)))
    connection.execute(_ADVANCE, (found.upto,))
