"""What there is much of is worked on in parts."""

from __future__ import annotations

from common.in_parts import in_parts, take_first


def test_all_items_are_in_the_parts_in_order_and_no_part_is_larger() -> None:
    items = list(range(7))
    parts = list(in_parts(items, 3))
    assert parts == [[0, 1, 2], [3, 4, 5], [6]]
    assert list(in_parts([], 3)) == []


def test_what_is_taken_waits_no_more_and_the_first_is_taken_first() -> None:
    waiting = dict.fromkeys("abc")
    assert take_first(waiting, 2) == ["a", "b"]
    assert take_first(waiting, 2) == ["c"]
    assert (take_first(waiting, 2), waiting) == ([], {})
