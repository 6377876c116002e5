"""Which step of a rising load is the one that fails, and where the server bends."""

from __future__ import annotations

import pytest

from bench.client.worker_protocol import DeliverySnapshot, SendWindow
from bench.histogram import Histogram
from bench.loaded_rooms import LoadResult
from bench.scenarios.stress import _bend, _Step


def step(rate_per_s: float, ms: int, *, acked: int = 100, sent: int = 100) -> _Step:
    """One second in which `sent` messages were sent and `acked` acked, each delivered after `ms`."""
    latency = Histogram()
    latency.add(ms * 1000, 100)
    window = SendWindow(1.0, sent, 0, acked, 0, 0, 0.0, 50.0)
    snapshot = DeliverySnapshot(100, latency.counts(), {}, {}, 0, 0, 1.0, 0.5, 1, 0)
    return _Step(rate_per_s, LoadResult(100, 1.0, [snapshot], [window], acked), 250)


@pytest.mark.parametrize(
    ("ms", "acked", "sent", "said"),
    [
        (240, 99, 95, None),
        (300, 100, 100, "p99 of a delivery 300 ms, over 250 ms"),
        (1, 98, 100, "2.0 % of the messages not acked, over 1 %"),
        (1, 100, 94, "94 % of what was due could be sent, under 95 %"),
    ],
)
def test_a_step_fails_by_a_stated_criterion(ms: int, acked: int, sent: int, said: str | None) -> None:
    assert step(100, ms, acked=acked, sent=sent).failure() == said


def test_the_server_bends_where_it_gets_slower_and_stays_so() -> None:
    steps = [step(rate, ms) for rate, ms in ((100, 1), (140, 5), (196, 1), (274, 4), (384, 9))]
    bend = _bend(steps)
    assert bend is not None
    assert bend.rate_per_s == 274, "at 140 something else disturbed it"
    assert _bend(steps[:3]) is None
