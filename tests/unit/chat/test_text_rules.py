"""What becomes of a text that people see as a name."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat.text_rules import seen_as_name

name = seen_as_name(max_chars=20)


@pytest.mark.parametrize(
    ("given_text", "taken"),
    [
        ("Ada", "Ada"),
        ("  Ada \t\n", "Ada"),
        ("\u00a0Ada\u3000", "Ada"),
        ("Rene\u0301e", "Ren\u00e9e"),
        ("A  B", "A  B"),
        ("👨\u200d👩\u200d👧", "👨\u200d👩\u200d👧"),
        ("می\u200cخواهم", "می\u200cخواهم"),
        ("שלום\u200f!", "שלום\u200f!"),
        ("🏴\U000e0067\U000e0062\U000e007f", "🏴\U000e0067\U000e0062\U000e007f"),
        ("\U0001fae9", "\U0001fae9"),
        ("e\u0301" * 20, "\u00e9" * 20),
        (" " * 90 + "x" * 20 + " " * 90, "x" * 20),
    ],
)
def test_a_name_is_composed_and_trimmed_and_keeps_what_scripts_need(given_text: str, taken: str) -> None:
    assert name(given_text) == taken


@pytest.mark.parametrize(
    "wrong",
    [
        "\n",
        "\t",
        "\0",
        "\x1b",
        "\x7f",
        "\x85",
        "\u2028",
        "\u2029",
        *"\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069",
    ],
)
def test_what_controls_a_line_or_turns_it_is_in_no_name(wrong: str) -> None:
    with pytest.raises(ValueError, match="control, line or bidirectional"):
        name(f"a{wrong}b")


@pytest.mark.parametrize(
    "unseen",
    [
        "\u200b",
        "\u200d",
        "\u200c\u200d",
        "\u2060",
        "\ufeff",
        "\u00ad",
        "\u3164",
        "\u115f",
        "\uffa0",
        "\u2800",
        "\ufe0f",
        "\u034f",
        "\u200f \u200e",
    ],
)
def test_of_a_name_at_least_one_character_is_seen(unseen: str) -> None:
    with pytest.raises(ValueError, match="visible"):
        name(unseen)
    assert name(f"x{unseen}y")


@pytest.mark.parametrize("wrong", ["", "   ", "\n", "x" * 21, "e\u0301" * 21, "x" * 10_000, "\u0301" * 60_000])
def test_its_length_is_that_of_what_is_kept(wrong: str) -> None:
    with pytest.raises(ValueError, match="1 to 20 characters"):
        name(wrong)


@given(st.text(max_size=40))
def test_what_is_taken_once_is_taken_as_it_is(text: str) -> None:
    try:
        taken = name(text)
    except ValueError:
        return
    assert name(taken) == taken == unicodedata.normalize("NFC", taken).strip()
