from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from common.rfc3339 import epoch_ms_of, rfc3339, rfc3339_from_s


@given(st.integers(0, 4_102_444_800_000))
def test_times_are_written_in_utc_to_the_millisecond_and_read_back(epoch_ms: int) -> None:
    moment = datetime.fromtimestamp(epoch_ms // 1000, UTC).replace(microsecond=epoch_ms % 1000 * 1000)
    assert rfc3339(epoch_ms) == moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    assert rfc3339_from_s(epoch_ms / 1000) == rfc3339(epoch_ms)
    assert epoch_ms_of(rfc3339(epoch_ms)) == epoch_ms


def test_a_part_of_a_millisecond_is_rounded_also_into_the_next_year() -> None:
    assert rfc3339_from_s(1_798_761_599.9996) == "2027-01-01T00:00:00.000Z"
    assert rfc3339_from_s(1_798_761_599.9994) == "2026-12-31T23:59:59.999Z"
