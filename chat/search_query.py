"""The language of search queries: words, "phrases" and operators. Pure: knows no user, no room and no store.

An operator is a name of the table, a colon and a value, which stands in quotation marks if it has spaces. Anything else
with a colon is text, as a URL or a time is.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from msgspec import Struct, structs

TEXTS_MAX = 20
OPERATORS_MAX = 20

# A phrase, or text without spaces, in which a quotation mark may begin an operator's value. A mark that is not closed
# reaches to the end.
_PART = re.compile(
    r'"(?P<phrase>[^"]*)"?|(?P<name>[A-Za-z]+):(?:"(?P<quoted>[^"]*)"?|(?P<value>[^\s"]*))|(?P<word>[^\s"]+)'
)
# Keyboards of phones put these in place of the plain mark.
_PLAIN_MARKS = str.maketrans(dict.fromkeys("\u201c\u201d\u201e\u201f\u00ab\u00bb", '"'))
_TIME = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}([Tt ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,9})?)?([Zz]|[+-][0-9]{2}:[0-9]{2})?)?"
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class QueryError(ValueError):
    """What is wrong with a query, worded for the details of an error reply."""


class SearchQuery(Struct, frozen=True):
    """A query. Several authors, or rooms, mean any of them. `before_ms` is exclusive, `after_ms` inclusive.

    Authors and rooms are names or ids, as they were written.
    """

    texts: tuple[str, ...] = ()
    authors: tuple[str, ...] = ()
    rooms: tuple[str, ...] = ()
    before_ms: int | None = None
    after_ms: int | None = None
    has_file: bool = False
    mentions_me: bool = False


def parse_query(text: str) -> SearchQuery:
    """Read a query. Raises QueryError for an empty one, too long a one, and an operator's wrong value."""
    query = SearchQuery()
    texts: list[str] = []
    operators = 0
    for part in _PART.finditer(text.translate(_PLAIN_MARKS)):
        phrase, name, quoted, value, word = part.group("phrase", "name", "quoted", "value", "word")
        operator = None if name is None else _OPERATORS.get(name.lower())
        if operator is not None:
            query = operator(query, (value if quoted is None else quoted).strip())
            operators += 1
        elif said := (phrase or word or (part[0].replace('"', " ") if name else "")).strip():
            texts.append(said)
    if len(texts) > TEXTS_MAX:
        raise QueryError(f"takes at most {TEXTS_MAX} words and phrases")
    if operators > OPERATORS_MAX:
        raise QueryError(f"takes at most {OPERATORS_MAX} operators")
    if not texts and not operators:
        raise QueryError("takes words, phrases or operators")
    return structs.replace(query, texts=tuple(dict.fromkeys(texts)))


def _from(query: SearchQuery, value: str) -> SearchQuery:
    return structs.replace(query, authors=(*query.authors, _named(value.removeprefix("@"), "from:", "a user's name")))


def _in(query: SearchQuery, value: str) -> SearchQuery:
    return structs.replace(query, rooms=(*query.rooms, _named(value.removeprefix("#"), "in:", "a room's name or id")))


def _before(query: SearchQuery, value: str) -> SearchQuery:
    time_ms = _time_of(value, "before:")
    return structs.replace(query, before_ms=time_ms if query.before_ms is None else min(time_ms, query.before_ms))


def _after(query: SearchQuery, value: str) -> SearchQuery:
    time_ms = _time_of(value, "after:")
    return structs.replace(query, after_ms=time_ms if query.after_ms is None else max(time_ms, query.after_ms))


def _has(query: SearchQuery, value: str) -> SearchQuery:
    if value.lower() != "file":
        raise QueryError("has: takes file")
    return structs.replace(query, has_file=True)


def _mentions(query: SearchQuery, value: str) -> SearchQuery:
    if value.lower() != "me":
        raise QueryError("mentions: takes me")
    return structs.replace(query, mentions_me=True)


_OPERATORS: Mapping[str, Callable[[SearchQuery, str], SearchQuery]] = {
    "from": _from,
    "in": _in,
    "before": _before,
    "after": _after,
    "has": _has,
    "mentions": _mentions,
}


def _named(value: str, operator: str, takes: str) -> str:
    if not value:
        raise QueryError(f"{operator} takes {takes}")
    return value


def _time_of(value: str, operator: str) -> int:
    """Milliseconds since the epoch of a date, which begins at midnight UTC, or of a time (RFC 3339; UTC by default)."""
    try:
        if _TIME.fullmatch(value) is None:
            raise ValueError(value)
        time = datetime.fromisoformat(value.upper())
        since: Any = (time if time.tzinfo is not None else time.replace(tzinfo=UTC)) - _EPOCH
    except (ValueError, OverflowError) as error:
        raise QueryError(f"{operator} takes a date (2026-01-31) or an RFC 3339 time") from error
    return int(since.total_seconds() * 1000)
