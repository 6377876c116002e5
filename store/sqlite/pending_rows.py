"""The messages that are not in the index of words yet: they are indexed behind the commit that stored them.

An index write in each commit would be half of the pages that a message writes (docs/decisions/0039). The first row that
is pending stands in search_pending, written with the row itself, so a crash loses nothing: who opens the file next
indexes the rest. Everything runs in the caller's transaction but `index_left`.
"""

from __future__ import annotations

import apsw

from common.text_folding import search_form
from store.sqlite.rows import fetch, fetch_one
from store.sqlite.search_index import index, index_new_rows, is_indexed, pending_from

SLICE_ROWS = 500  # indexed in one transaction, in some 2 ms
SLICE_CHARACTERS = 50_000  # after which no more are
# More pending rows than this are taken in slices of so many times the size, so that they become less under any load.
_MANY_ROWS = 10_000
_LARGER = 4

_MARK = """
INSERT INTO search_pending (id, row) VALUES (1, ?1)
ON CONFLICT (id) DO UPDATE SET row = ?1 WHERE row > ?1"""
_ADVANCE = "UPDATE search_pending SET row = ? WHERE id = 1"
_DONE = "DELETE FROM search_pending"
_NEWEST = "SELECT coalesce(max(row), 0) FROM messages"
# The lengths, and the contents that are not plain ASCII.
_PENDING_ROWS = """
SELECT row, length(content), CASE WHEN content GLOB '*[^' || char(1) || '-' || char(127) || ']*' THEN content END
FROM messages WHERE row BETWEEN ? AND ? AND content IS NOT NULL ORDER BY row"""
_CONTENT = "SELECT content FROM messages WHERE row = ?"


def mark_pending(connection: apsw.Connection, row: int) -> None:
    """Note that this row and all later ones are pending."""
    connection.execute(_MARK, (row,))


def index_slice(
    connection: apsw.Connection,
    *,
    slice_rows: int = SLICE_ROWS,
    slice_characters: int = SLICE_CHARACTERS,
    is_doubtful: bool = False,
) -> bool:
    """Index the oldest pending rows. Returns whether more are pending. `is_doubtful`: some may be in the index."""
    first = pending_from(connection)
    if first is None:
        return False
    newest = fetch(connection, _NEWEST)[0][0]
    if newest - first > _MANY_ROWS:
        slice_rows, slice_characters = slice_rows * _LARGER, slice_characters * _LARGER
    upto = min(newest, first + slice_rows - 1)
    rows = fetch(connection, _PENDING_ROWS, (first, upto))
    characters = 0
    for place, (row, length, _) in enumerate(rows, 1):
        characters += length
        if characters >= slice_characters:
            del rows[place:]
            upto = row
            break
    if is_doubtful:
        for row, _, _ in rows:
            _index_if_missing(connection, row)
    elif rows:
        folded = [(row, search_form(content)) for row, _, content in rows if content is not None]
        index_new_rows(connection, first, upto, folded)
    if upto < newest:
        connection.execute(_ADVANCE, (upto + 1,))
    else:
        connection.execute(_DONE)
    return bool(upto < newest)


def index_left(connection: apsw.Connection) -> None:
    """Index what a process that went down left pending, in transactions of its own. Raises apsw.Error.

    A program of before this may have run on the file since: it indexed what it wrote, and what it edited. Where nothing
    is pending this waits for nobody who writes.
    """
    is_more = pending_from(connection) is not None
    while is_more:
        connection.execute("BEGIN IMMEDIATE")
        try:
            is_more = index_slice(connection, is_doubtful=True)
            connection.execute("COMMIT")
        finally:
            if connection.in_transaction:
                connection.execute("ROLLBACK")


def _index_if_missing(connection: apsw.Connection, row: int) -> None:
    found = fetch_one(connection, _CONTENT, (row,))
    if found is not None and not is_indexed(connection, row, found[0]):
        index(connection, row, found[0])
