from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat.search_highlights import highlights
from common.text_folding import search_form


@pytest.mark.parametrize(
    ("content", "texts", "marked"),
    [
        ("green tea, Tea", ["tea"], ["tea", "Tea"]),
        ("green tea", ["green tea", "tea"], ["green tea"]),
        ("a b a b a", ["a b a"], ["a b a b a"]),
        ("\U0001f600\U0001f600 tea", ["tea"], ["tea"]),
        ("cre\u0300me", ["creme"], ["cre\u0300me"]),
        ("東京の天気", ["天気"], ["天気"]),
        ("teapot", ["tea"], []),
        ("½", ["1", "2"], ["½"]),
        ("", ["tea"], []),
        ("tea", [], []),
    ],
)
def test_each_place_of_a_text_is_marked_once(content: str, texts: list[str], marked: list[str]) -> None:
    units = content.encode("utf-16-le")
    found = highlights(content, [search_form(text) for text in texts])
    assert [units[2 * start : 2 * end].decode("utf-16-le") for start, end in found] == marked


@given(st.text(max_size=40), st.text(min_size=1, max_size=3))
def test_places_ascend_without_overlap_within_the_content(content: str, text: str) -> None:
    form = search_form(text)
    found = highlights(content, [form] if form else [])
    ends = [offset for span in found for offset in span]
    assert ends == sorted(ends)
    assert all(start < end <= len(content.encode("utf-16-le", "surrogatepass")) // 2 for start, end in found)
    assert bool(found) == (bool(form) and f" {form} " in f" {search_form(content)} ")
