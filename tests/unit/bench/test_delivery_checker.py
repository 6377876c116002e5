"""The checker notices whatever a connection may see wrong of a room."""

from __future__ import annotations

import pytest

from bench.delivery_checker import Failures, RoomStream, check_acked


def failures_of(seqs: list[int], *, after_seq: int = 0, head_seq: int | None = None) -> list[str]:
    failures = Failures()
    stream = RoomStream("c", after_seq=after_seq, failures=failures)
    for seq in seqs:
        stream.received(seq)
    stream.finish(max(seqs, default=after_seq) if head_seq is None else head_seq)
    assert failures.count == len(failures.kept)
    return failures.kept


def test_every_message_once_and_in_order_is_right() -> None:
    assert failures_of([8, 9, 10], after_seq=7) == []


def test_nothing_at_all_is_right_where_nothing_was_sent() -> None:
    assert failures_of([], after_seq=7) == []


def test_a_gap_is_reported_once_with_what_was_expected() -> None:
    assert failures_of([1, 2, 5, 6]) == ["c: gap, expected seq 3, got 5"]


def test_a_stream_that_does_not_begin_after_the_join_has_a_gap() -> None:
    assert failures_of([9], after_seq=7) == ["c: gap, expected seq 8, got 9"]


def test_a_double_is_reported() -> None:
    assert failures_of([1, 2, 2, 3]) == ["c: double, seq 2 came again"]


def test_a_message_from_before_the_join_is_a_double() -> None:
    assert failures_of([7, 8], after_seq=7) == ["c: double, seq 7 came again"]


def test_wrong_order_is_distinguished_from_a_double() -> None:
    assert failures_of([1, 3, 2, 4]) == ["c: gap, expected seq 2, got 3", "c: wrong order, seq 2 came after 3"]


def test_a_late_message_that_comes_again_is_a_double() -> None:
    assert failures_of([1, 4, 3, 3, 2])[1:] == [
        "c: wrong order, seq 3 came after 4",
        "c: double, seq 3 came again",
        "c: wrong order, seq 2 came after 4",
    ]


def test_messages_missing_at_the_end_are_counted() -> None:
    assert failures_of([1, 2], head_seq=5) == ["c: 3 missing at the end, has seq 2 of 5"]


def test_a_message_that_was_never_acked_is_reported() -> None:
    assert failures_of([1, 2, 3], head_seq=2) == ["c: seq 3 was delivered, but 2 is the last acked"]


def test_failures_past_the_bound_are_counted_and_not_kept() -> None:
    failures = Failures()
    stream = RoomStream("c", after_seq=0, failures=failures)
    for seq in range(2, 2002, 2):
        stream.received(seq)
    assert failures.count == 1000
    assert len(failures.kept) == 20


@pytest.mark.parametrize(
    ("seqs", "head_seq", "expected"),
    [
        ([4, 6, 5], 6, []),
        ([], 3, []),
        ([4, 6], 6, ["acks: nothing was acked as seq 5 to 5"]),
        ([4, 5, 5, 6], 6, ["acks: two messages were acked as seq 5"]),
        ([3, 4], 4, ["acks: two messages were acked as seq 3"]),
    ],
)
def test_acked_seqs_are_consecutive_and_each_there_once(seqs: list[int], head_seq: int, expected: list[str]) -> None:
    failures = Failures()
    assert check_acked(seqs, after_seq=3, failures=failures) == head_seq
    assert failures.kept == expected
