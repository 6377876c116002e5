from __future__ import annotations

from store.word_completions import COMPLETED_FROM_MAX, completions, with_prefix


def test_words_are_counted_whatever_their_case_and_shown_with_their_accents() -> None:
    contents = ["Crème crème creme", "CREMA", "cream", "not a word of it"]
    assert completions(contents, "crem", limit=8) == ["crème", "crema"]
    assert completions(contents, "cre", limit=1) == ["crème"]
    assert completions(contents, "x", limit=8) == []


def test_equal_counts_are_in_the_order_of_the_alphabet() -> None:
    assert completions(["tb ta tc", "tc"], "t", limit=8) == ["tc", "ta", "tb"]


def test_so_many_messages_and_characters_are_looked_at_and_no_more() -> None:
    many = ["tea"] * (COMPLETED_FROM_MAX + 5)
    assert len(list(with_prefix([*many, "steam"], "te"))) == COMPLETED_FROM_MAX
    assert list(with_prefix(["steam", "a te", "TÉA"], "te")) == ["a te", "TÉA"]
    assert completions(["tea", "x" * 20_000, "team"], "te", limit=8) == ["tea"]


def test_characters_that_stand_for_many_count_as_many() -> None:
    assert completions(["tea", *["\ufdfa" * 1000] * 2, "team"], "te", limit=8) == ["tea"]
