from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat.search_query import QueryError, SearchQuery, parse_query
from common.text_folding import search_form

DAY_MS = 24 * 3600 * 1000
PIECES = st.sampled_from(
    ['"', ":", " ", "from:", "IN:", "before:", "after:", "has:file", "mentions:me", "2026-01-01", "T00:00Z", "x", "*",
     "NEAR(", "AND", "-", "^", "\\", "'", "\u201c", "é", "漢", "\U0001f600", "\t"]
)  # fmt: skip
QUERIES = st.lists(PIECES | st.characters(exclude_categories=["Cs"]), max_size=30).map("".join)


@pytest.mark.parametrize(
    ("text", "query"),
    [
        ("green tea", SearchQuery(texts=("green", "tea"))),
        ("tea tea", SearchQuery(texts=("tea",))),
        ('"green tea" x', SearchQuery(texts=("green tea", "x"))),
        ('x "green tea', SearchQuery(texts=("x", "green tea"))),
        ("«thé vert»", SearchQuery(texts=("thé vert",))),
        ("from:ann FROM:@bob", SearchQuery(authors=("ann", "bob"))),
        ('in:"the room" in:#r1', SearchQuery(rooms=("the room", "r1"))),
        ("has:file mentions:ME", SearchQuery(has_file=True, mentions_me=True)),
        ("after:1970-01-02", SearchQuery(after_ms=DAY_MS)),
        ("after:1970-01-02 after:1970-01-03", SearchQuery(after_ms=2 * DAY_MS)),
        ("before:1970-01-02 before:1970-01-03", SearchQuery(before_ms=DAY_MS)),
        ("before:1970-01-01T01:00:00.5+01:00", SearchQuery(before_ms=500)),
        ("before:1970-01-01T00:01", SearchQuery(before_ms=60_000)),
        ("http://x.y 12:30 a:b", SearchQuery(texts=("http://x.y", "12:30", "a:b"))),
        ('note:"a b"', SearchQuery(texts=("note: a b",))),
        ('"from:ann"', SearchQuery(texts=("from:ann",))),
    ],
)
def test_a_query_is_read_as_people_write_it(text: str, query: SearchQuery) -> None:
    assert parse_query(text) == query


@pytest.mark.parametrize(
    ("text", "takes"),
    [
        ("", "words"),
        (' "" ', "words"),
        ("from:", "user"),
        ("from:@ x", "user"),
        ('in:" "', "room"),
        ("before:x", "date"),
        ("after:2026-13-01", "date"),
        ("after:2026-01-01T24:00Z", "date"),
        ("after:０000-01-01", "date"),
        ("after:0000-01-01", "date"),
        ("has:x", "file"),
        ("mentions:x", "me"),
    ],
)
def test_what_a_query_lacks_is_said(text: str, takes: str) -> None:
    with pytest.raises(QueryError, match=takes):
        parse_query(text)


@given(QUERIES)
def test_whatever_is_written_is_read_or_refused(text: str) -> None:
    with contextlib.suppress(QueryError):
        query = parse_query(text)
        assert all(text.strip() for text in (*query.texts, *query.authors, *query.rooms))


@given(QUERIES)
def test_no_text_in_search_form_has_what_a_store_takes_for_an_operator(text: str) -> None:
    with contextlib.suppress(QueryError):
        for one in parse_query(text).texts:
            assert all(word and not set(word) & set('"*^:()-+\\.$\0') for word in search_form(one).split(" ") if word)
