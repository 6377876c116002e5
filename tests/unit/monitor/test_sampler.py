"""A sample is of its interval alone; snapshots are decoded as they were encoded, and add up by label and bucket."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

import pytest

from limits.contract import Check, Limiter
from limits.limit_policy import Policy
from limits.memory_limiter import MemoryLimiter
from monitor import prometheus
from monitor.alert import Alert
from monitor.counting_observer import CLOSE_CODES, LABELS_MAX, CountingObserver, Peaks
from monitor.metrics_collector import MetricsCollector
from monitor.metrics_snapshot import InvalidSnapshot, decode_snapshot, encode_snapshot, sum_snapshots
from monitor.part_metrics import PartMetrics
from monitor.sample_values import GAUGES, SHARES, sample_of
from monitor.sampler import Sampler

ROOT = Path(__file__).parents[3]
CPU_ALERT = Alert(name="cpu", severity="warning", value=99, threshold=80, since="2027-01-15T08:00:00.000Z")


class Gauges:
    """A part that has gauges alone."""

    def __init__(self, **gauges: float) -> None:
        self._gauges = gauges

    def metrics(self) -> PartMetrics:
        return PartMetrics(gauges=self._gauges)


def make(
    process_id: str = "p1",
    observer: CountingObserver | None = None,
    limiter: Limiter | None = None,
    **gauges: float,
) -> tuple[CountingObserver, MetricsCollector]:
    counting = observer or CountingObserver(slow_s=1.0, now=lambda: 1_800_000_000.0)

    async def nobody() -> list[bytes]:
        return []

    metrics = MetricsCollector(
        process_id=process_id,
        counting_observer=counting,
        resource_probe=None,
        disk_probe=None,
        parts=[Gauges(**{"connections": 3, **gauges}), *([] if limiter is None else [limiter])],
        busiest=lambda count: {"r1": 2},
        newest_sample=lambda: {"cpu": 12.5},
        active_alerts=lambda: [CPU_ALERT],
        send=lambda payload: None,
        fetch=nobody,
        now=lambda: 1_800_000_000.0,
    )
    return counting, metrics


def fill(observer: CountingObserver) -> None:
    for _ in range(10):
        observer.messages_stored(ws=1, rest=0)
        observer.command("sendMessage", "ok", 0.003)
        observer.messages_delivered(7, 2)
    observer.messages_stored(ws=0, rest=1)
    observer.messages_duplicate(ws=0, rest=1)
    observer.send_to_delivery(0.005, 140)
    observer.command("sendMessage", "unavailable", 0.003)
    observer.http_request("/rooms/{id}", "GET", 200, 0.002)
    observer.http_request("/rooms/{id}", "GET", 503, 0.002)
    observer.cache_read("user", "hit", 0.001)
    observer.cache_read("user", "miss", 0.001)
    observer.store_operation("messages.append", 1.5, None)
    observer.store_operation("messages.append", 0.0, "stalled")
    observer.loop_lag(0.02)


def test_a_sample_has_rates_and_percentiles_of_its_interval_alone():
    observer, metrics = make()
    fill(observer)
    before = metrics.snapshot()
    fill(observer)
    sample = sample_of(metrics.snapshot(), before, 2.0, Peaks(0.02, 1.5))
    expected = {
        "connections": 3, "messagesIn": 5.5, "messagesOut": 70.0, "httpRequests": 1.0, "httpErrors": 0.5,
        "commandErrors": 0.5, "cacheHitRate": 0.5, "slowQueries": 1, "storeErrors": 0.5,
        "loopLagMs": 20.0, "eventLoopLagMaxMs": 20.0,
        "cacheReads": 2, "cacheMisses": 1, "slowestQueryMs": 1500.0,
    }  # fmt: skip
    assert {name: sample[name] for name in expected} == expected
    assert 2 < sample["sendToAckP95Ms"] <= 4
    assert 4 < sample["sendToDeliveryP95Ms"] <= 6


@pytest.mark.gen_test
async def test_refusals_are_those_of_the_interval():
    limiter = MemoryLimiter(policies={"messages": Policy(1, 60)})
    _, metrics = make(limiter=limiter)
    await limiter.check([Check("messages", "u1")])
    await limiter.check([Check("messages", "u1")])
    before = metrics.snapshot()
    for _ in range(3):
        await limiter.check([Check("messages", "u1")])
    assert sample_of(metrics.snapshot(), before, 2.0, Peaks())["limitRefusals"] == 1.5


def test_where_nothing_happened_there_is_no_latency_and_no_hit_rate():
    observer, metrics = make()
    fill(observer)
    before = metrics.snapshot()
    sample = sample_of(metrics.snapshot(), before, 1.0, Peaks())
    assert not {"cacheHitRate", "sendToAckP95Ms", "databaseP95Ms", "loopLagMs"} & set(sample)
    assert (sample["messagesIn"], sample["gcPauseMs"]) == (0.0, 0.0)


def test_each_metric_of_a_sample_is_documented():
    pairs = [pair for pairs in SHARES.values() for pair in pairs]
    gauges = dict.fromkeys((*GAUGES.values(), *(side for pair in pairs for side in pair)), 1.0)
    observer, metrics = make(**gauges)
    before = metrics.snapshot()
    fill(observer)
    sample = sample_of(metrics.snapshot(), before, 1.0, Peaks(0.1, 0.1))
    assert {*GAUGES, *SHARES, "slowestQueryMs", "cacheMisses", "sendToDeliveryP99Ms"} <= set(sample)
    documented = (ROOT / "docs" / "operations.md").read_text()
    assert [name for name in sample if f"`{name}`" not in documented] == []
    gauges_shown = set(metrics.snapshot().gauges)
    assert gauges_shown <= set(prometheus.GAUGES)


def test_the_greatest_is_that_of_the_time_since_it_was_last_asked():
    observer, metrics = make()
    fill(observer)
    assert metrics.peaks() == Peaks(loop_lag_s=0.02, store_operation_s=1.5)
    assert metrics.peaks() == Peaks()
    observer.store_operation("messages.append", 0.25, None)
    assert metrics.peaks() == Peaks(store_operation_s=0.25)


def test_a_share_needs_both_gauges_and_is_the_greatest_of_several():
    def shares(**gauges: float) -> dict[str, float]:
        _, metrics = make(**gauges)
        sample = sample_of(metrics.snapshot(), metrics.snapshot(), 1.0, Peaks())
        return {name: value for name, value in sample.items() if name.endswith("Percent")}

    assert shares() == {}
    assert shares(connections_max=12, disk_free_bytes=7) == {"poolPercent": 25.0}
    assert shares(store_queue=10, store_queue_max=100, store_pending_writes=30, store_pending_writes_max=40) == {
        "storeQueuePercent": 75.0
    }
    assert shares(database_pool_in_use=1, database_pool_max=0, disk_free_bytes=7, disk_size_bytes=10) == {
        "diskFreePercent": 70.0
    }


@pytest.mark.gen_test
async def test_one_subscriber_that_fails_costs_the_others_nothing(caplog):
    _, metrics = make()
    seen: list[tuple[float, float]] = []
    reserved: set[str] = set()
    has_two = asyncio.Event()

    def broken(at_s, sample):
        raise RuntimeError("a defect")

    def collect(at_s, sample):
        seen.append((at_s, sample["connections"]))
        if len(seen) >= 2:
            has_two.set()

    sampler = Sampler(
        loop=asyncio.get_running_loop(),
        snapshot=metrics.refreshed_snapshot,
        peaks=metrics.peaks,
        interval_s=0.02,
        subscribers=[broken, collect],
        on_start=reserved.update,
        now=lambda: 1_800_000_000.0,
    )
    assert sampler.newest_sample is None
    with caplog.at_level(logging.ERROR):
        sampler.start()
        try:
            await asyncio.wait_for(has_two.wait(), 30)
        finally:
            sampler.stop()
    assert sampler.newest_sample is not None
    assert {"connections", "messagesIn"} <= reserved <= sampler.newest_sample.keys()
    assert seen[:2] == [(1_800_000_000.0, 3)] * 2
    assert "a sample was not taken" in caplog.text


def test_a_snapshot_arrives_as_it_was_sent_and_what_is_none_is_refused():
    observer, metrics = make()
    fill(observer)
    snapshot = metrics.snapshot()
    assert decode_snapshot(encode_snapshot(snapshot)) == snapshot
    for garbage in (b"", b"\xc1", b"\x93\x01\x02\x03"):
        with pytest.raises(InvalidSnapshot):
            decode_snapshot(garbage)


def test_processes_are_added_by_label_and_bucket_and_percentiles_come_of_the_sum():
    (quick, first), (slow, second) = make("p1", connections_max=12), make("p2", connections_max=12)
    for _ in range(90):
        quick.command("sendMessage", "ok", 0.0009)
    for _ in range(10):
        slow.command("sendMessage", "ok", 0.9)
    whole = sum_snapshots([first.snapshot(), second.snapshot()])
    acks = whole.histogram("command_seconds", "sendMessage")
    assert acks.count == 100
    assert acks.percentile(50) < 0.001  # the mean of the two medians would be 0.45
    assert 0.8 < acks.percentile(95) <= 1.0
    assert (whole.gauges["connections"], whole.gauges["connections_max"]) == (6, 24)
    assert whole.rooms == {"r1": 4}


@pytest.mark.gen_test
async def test_snapshots_of_other_processes_are_shown_and_garbage_is_not():
    _, metrics = make("p1")
    _, other = make("p2")

    async def fetch() -> list[bytes]:
        return [encode_snapshot(other.snapshot()), b"garbage", encode_snapshot(metrics.snapshot())]

    metrics._fetch = fetch
    snapshots, complete = await metrics.cluster_snapshots()
    assert ([one.process_id for one in snapshots], complete) == (["p1", "p2"], True)


@pytest.mark.gen_test
async def test_each_process_tells_the_others_its_newest_sample_and_its_active_alerts():
    _, metrics = make("p1")
    _, other = make("p2")
    sent: list[bytes] = []
    other._send = sent.append
    other.publish()

    async def fetch() -> list[bytes]:
        return sent

    metrics._fetch = fetch
    snapshots, _ = await metrics.cluster_snapshots()
    assert [(one.process_id, one.sample, one.alerts) for one in snapshots] == [
        (process_id, {"cpu": 12.5}, [CPU_ALERT]) for process_id in ("p1", "p2")
    ]
    whole = sum_snapshots(snapshots)
    assert (whole.sample, whole.alerts) == ({}, [])


def test_labels_stay_bounded_whatever_is_reported():
    observer = CountingObserver(slow_s=1.0, now=lambda: 0.0)
    for code in range(3000, 5000):
        observer.connection_closed(code)
    for number in range(2 * LABELS_MAX):
        observer.database_command(f"collection{number}", "find", 0.001, "error")
        observer.http_request("/x", f"METHOD{number}", 200, 0.001)
    counters, histograms = observer.counters(), observer.histograms()
    assert len(counters["connections_closed_total"]) <= len(CLOSE_CODES) + 1
    assert dict(counters["http_requests_total"]) == {("/x", "other", "200"): 2 * LABELS_MAX}
    for table in (counters["database_command_failures_total"], histograms["database_command_seconds"]):
        assert len(table) <= LABELS_MAX + 1
    assert sum(count for _, count in counters["database_command_failures_total"]) == 2 * LABELS_MAX


def test_the_most_connections_at_once_are_remembered():
    observer = CountingObserver(slow_s=1.0, now=lambda: 0.0)
    for _ in range(3):
        observer.connection_opened()
    observer.connection_closed(1000)
    observer.connection_opened()
    assert (observer.peak, observer.opened, observer.closed) == (3, 4, 1)


def test_what_a_snapshot_holds_is_bounded_in_bytes():
    observer, metrics = make()
    for number in range(LABELS_MAX):
        observer.database_command(
            f"a collection with a long name, as no driver has one {number}" * 20, "find", 0.001, None
        )
    with pytest.raises(InvalidSnapshot):
        encode_snapshot(metrics.snapshot())
    metrics.publish()  # and it raises nothing


def test_the_uptime_is_right_whatever_the_wall_clock_was_set_to():
    wall_s, timed_s = 1_800_000_000.0, 50.0
    metrics = MetricsCollector(
        process_id="p1",
        counting_observer=None,
        resource_probe=None,
        disk_probe=None,
        parts=[],
        busiest=lambda count: {},
        newest_sample=lambda: None,
        active_alerts=list,
        send=lambda payload: None,
        fetch=lambda: None,
        now=lambda: wall_s,
        timed=lambda: timed_s,
    )
    wall_s, timed_s = wall_s - 40, timed_s + 10
    snapshot = metrics.snapshot()
    assert (snapshot.at_s, snapshot.at_s - snapshot.started_at_s) == (wall_s, 10)
    assert decode_snapshot(encode_snapshot(snapshot)) == snapshot, "and other processes believe it"
