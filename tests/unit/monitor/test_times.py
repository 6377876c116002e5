from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from monitor.times import rfc3339
from store.models import timestamp


@given(st.integers(0, 4_102_444_800_000))
def test_times_are_written_as_the_store_writes_them(epoch_ms: int) -> None:
    assert rfc3339(epoch_ms / 1000) == timestamp(epoch_ms)


def test_a_part_of_a_millisecond_is_rounded_also_into_the_next_year() -> None:
    assert rfc3339(1_798_761_599.9996) == "2027-01-01T00:00:00.000Z"
    assert rfc3339(1_798_761_599.9994) == "2026-12-31T23:59:59.999Z"
