"""Whether the load client, not the server, was the bottleneck of a stretch of load: then figures are marked so."""

from __future__ import annotations

from bench.loaded_rooms import LoadResult

CPU_PERCENT_MAX = 90.0  # of a core: a client process has one thread
LAG_SHARE_MAX = 0.5  # of the latencies' p99
LAG_MIN_MS = 5.0


def reason(load: LoadResult) -> str | None:
    """Why the client limited this load, as a sentence; None if it did not.

    It did where a client process had used up its core, or where what the server had sent waited for the client for more
    than half of the latency's p99.
    """
    cpu_percent, lag_ms = load.client_cpu_percent, load.client_lag().percentile_ms(99)
    if cpu_percent >= CPU_PERCENT_MAX:
        return f"the busiest client process used {cpu_percent:.0f} % of a core"
    latency_ms = load.delivery().percentile_ms(99) or load.ack().percentile_ms(99)
    if lag_ms is not None and latency_ms and lag_ms >= max(LAG_MIN_MS, LAG_SHARE_MAX * latency_ms):
        return f"what arrived waited up to {lag_ms:.0f} ms (p99) for a client process, of {latency_ms:.0f} ms in all"
    return None
