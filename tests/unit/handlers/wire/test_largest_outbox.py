"""The largest of many is found whatever grew, shrank, came and went since it was last asked for."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from handlers.wire import largest_outbox as largest_module
from handlers.wire.largest_outbox import LargestOutbox


class Outbox:
    def __init__(self, size: int) -> None:
        self.outbox_bytes = size


@given(st.lists(st.integers(1, 9), max_size=6), st.lists(st.tuples(st.integers(0, 8), st.integers(0, 12)), max_size=60))
def test_it_is_the_one_that_a_look_at_all_of_them_finds(sizes: list[int], changes: list[tuple[int, int]]) -> None:
    all_of_them = [Outbox(size) for size in sizes] + [Outbox(0) for _ in range(9 - len(sizes))]
    holders = {one for one in all_of_them if one.outbox_bytes}
    largest = LargestOutbox(holders)
    for which, size in changes:
        one = all_of_them[which]
        before, one.outbox_bytes = one.outbox_bytes, size
        holders.add(one) if size else holders.discard(one)
        if size > before:
            largest.grew(one)
        found = largest.find()
        assert (0 if found is None else found.outbox_bytes) == max(one.outbox_bytes for one in all_of_them)


def test_what_grows_all_the_time_is_noted_a_bounded_number_of_times() -> None:
    holders = {Outbox(1) for _ in range(10)}
    largest = LargestOutbox(holders)
    for _ in range(100):
        for one in holders:
            one.outbox_bytes += 1
            largest.grew(one)
            assert len(largest._heap) <= 2 * len(holders) + largest_module.SPARE_ENTRIES
