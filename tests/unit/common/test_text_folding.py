from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.text_folding import located_words, search_form

# Of all scripts, and of those whose characters are put together in several ways.
SCRIPTS = st.sampled_from(
    [(0x20, 0x250), (0x300, 0x370), (0x590, 0x700), (0x900, 0xA00), (0xE00, 0xE80), (0x1100, 0x1200), (0x1E00, 0x2000),
     (0x3040, 0x3190), (0xAC00, 0xD7FF), (0xFB00, 0xFB50), (0xFE00, 0xFE30), (0xFF00, 0xFFE0), (0x1F300, 0x1F650)]
)  # fmt: skip
CHARACTERS = SCRIPTS.flatmap(lambda span: st.integers(*span).map(chr)) | st.characters(exclude_categories=["Cs"])
TEXTS = st.lists(CHARACTERS, max_size=20).map("".join)


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("", ""),
        ("  -- !? ", ""),
        ("Hello, WORLD_x-1", "hello world x 1"),
        ("Straße ΟΔΟΣ οδός", "strasse οδοσ οδοσ"),
        ("Ế đường Łódź Ærø", "e duong lodz aero"),
        ("東京a1", "東 京 a1"),
        ("한국어", "한 국 어"),
        ("ㅋㅋ", "ᄏ ᄏ"),
        ("ﾊﾟか\u3099", "パ が"),
        ("ｆｕｌｌ ㎏ ½ ™", "full kg 1 2 tm"),
        ("İstanbul", "istanbul"),
        ("עִבְרִית", "עברית"),
        ("می\u200cخواهم", "میخواهم"),
        ("हिन्दी", "हिन्दी"),
        ("so\u00adft", "soft"),
        ("a👍🏽b", "a 👍 b"),
        ("❤️", "❤"),
        ("`grün`.map(x^2)", "grun map x 2"),
    ],
)
def test_a_text_becomes_its_folded_words(text: str, form: str) -> None:
    assert search_form(text) == form


@given(TEXTS)
def test_the_located_words_are_those_of_the_search_form_in_order_and_within_the_text(text: str) -> None:
    words = located_words(text)
    assert " ".join(word.text for word in words) == search_form(text)
    assert all(0 <= word.start < word.end <= len(text) for word in words)
    assert [word.start for word in words] == sorted(word.start for word in words)


@given(TEXTS)
def test_folding_again_changes_nothing_and_how_it_was_typed_makes_no_difference(text: str) -> None:
    form = search_form(text)
    assert search_form(form) == form
    assert search_form(unicodedata.normalize("NFD", text)) == form
    assert search_form(unicodedata.normalize("NFC", text)) == form


@given(TEXTS, st.text(st.characters(max_codepoint=127), max_size=20))
def test_words_are_the_same_whatever_else_a_text_has(text: str, plain: str) -> None:
    apart = " ".join(filter(None, (search_form(plain), search_form(text))))
    assert search_form(f"{plain} {text}") == apart
    assert search_form(f"{plain * 20} {text}") == " ".join(filter(None, (search_form(plain * 20), search_form(text))))


def test_a_word_is_located_with_its_accents() -> None:
    assert [(word.text, word.start, word.end) for word in located_words("Cre\u0300me 東京")] == [
        ("creme", 0, 6),
        ("東", 7, 8),
        ("京", 8, 9),
    ]


def test_more_characters_than_are_remembered_are_folded_all_the_same() -> None:
    many = "".join(map(chr, range(0x4E00, 0x9FFF)))
    assert search_form(many) == " ".join(many)
    assert search_form("Ö") == "o"


def test_characters_that_stand_for_many_give_a_bounded_form_and_no_other_text_is_cut() -> None:
    assert len(search_form("\ufdfa" * 2000)) <= 8000
    assert search_form("\ufdfa 東") == search_form("\ufdfa") + " 東"
    assert len(search_form("東京" * 10_000)) == 2 * 20_000 - 1
