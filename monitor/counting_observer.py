"""The Observer that counts, in plain integers and histogram buckets, because it is called for each message.

Readers take a copy with `counters` and `histograms`. Label values come from small sets: a value that a client could
choose is replaced here or by the caller.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict, deque
from collections.abc import Callable

from msgspec import Struct

from monitor.cache_counts import CacheCounts
from monitor.histogram import LATENCY_S, Histogram
from monitor.metric_families import Labels, Number
from monitor.metrics_snapshot import EncodedHistogram, bounds_of

LABELS_MAX = 1_000  # label values of one family. The sets are smaller; this bounds what a driver or a defect may add.
OTHER = "other"
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
CLOSE_CODES = frozenset(
    {*range(1000, 1004), 1005, *range(1006, 1016), 4401, 4403, 4408, 4409, 4413, 4429}
)  # RFC 6455, 7.4, and the contract; a client may send any code from 3000 on, which counts as OTHER
SLOW_KEPT = 20

Counters = defaultdict[Labels, int]


class Peaks(Struct, frozen=True):
    """The greatest values of an interval, in seconds: a histogram has only the bounds of the greatest.

    0 where nothing was measured.
    """

    loop_lag_s: float = 0.0
    store_operation_s: float = 0.0


class CountingObserver(CacheCounts):
    """Counts everything since the process started.

    A store operation that takes longer than `slow_s` is slow. `now` is the wall clock, in seconds.
    """

    __slots__ = (
        "_buckets",
        "_by_rest",
        "_by_ws",
        "_commands_ok",
        "_commits",
        "_committed",
        "_counters",
        "_lag_greatest_s",
        "_now",
        "_operation_greatest_s",
        "_operations",
        "_slow_s",
        "closed",
        "delivered",
        "lag",
        "opened",
        "peak",
        "slow",
        "to_delivery",
    )

    def __init__(self, *, slow_s: float, now: Callable[[], float]) -> None:
        super().__init__()
        self._slow_s = slow_s
        self._now = now
        self._counters: dict[str, Counters] = {}
        self._buckets: dict[str, dict[Labels, Histogram]] = {}
        # The counters of each message are attributes, and counting them calls no other method: a message costs some 40
        # µs of CPU, of which the monitor may take 1 %. The others are looked up by family and labels.
        self._commands_ok: dict[str, Histogram] = {}
        self._operations: dict[str, Histogram] = {}
        self._commits = self._histogram("store_commit_seconds")
        self._committed = 0
        self._by_rest = 0
        self._by_ws = 0
        self.to_delivery = self._histogram("message_delivery_seconds")
        self.lag = self._histogram("event_loop_lag_seconds")
        self._lag_greatest_s = 0.0
        self._operation_greatest_s = 0.0
        self.delivered = 0
        self.opened = 0
        self.closed = 0
        self.peak = 0
        self.slow: deque[tuple[str, float, float]] = deque(maxlen=SLOW_KEPT)  # name, ms, epoch seconds

    # ---- connections and messages --------------------------------------------------------------------------------

    def connection_opened(self) -> None:
        self.opened += 1
        self.peak = max(self.peak, self.opened - self.closed)

    def connection_closed(self, code: int) -> None:
        self.closed += 1
        self._count("connections_closed_total", (str(code) if code in CLOSE_CODES else OTHER,))

    def handshake(self, seconds: float) -> None:
        self._histogram("handshake_seconds").observe(seconds)

    def command(self, event: str, outcome: str, seconds: float) -> None:
        if outcome == "ok":
            found = self._commands_ok.get(event)
            if found is None:
                found = self._commands_ok[event] = self._histogram("command_seconds", (event,))
            found.counts[bisect_left(LATENCY_S, seconds)] += 1
            found.sum += seconds
        else:
            self._count("commands_refused_total", (event, outcome))

    def messages_stored(self, *, ws: int, rest: int) -> None:
        self._by_ws += ws
        self._by_rest += rest

    def messages_duplicate(self, *, ws: int, rest: int) -> None:
        for transport, count in (("ws", ws), ("rest", rest)):
            if count:
                self._count("messages_duplicate_total", (transport,), count)

    def messages_delivered(self, room_connections: int, messages: int) -> None:
        self.delivered += room_connections * messages

    def send_to_delivery(self, seconds: float, deliveries: int) -> None:
        if seconds < 0:
            seconds = 0.0  # the wall clocks of two machines differ
        self.to_delivery.counts[bisect_left(LATENCY_S, seconds)] += deliveries
        self.to_delivery.sum += seconds * deliveries

    # ---- requests, the store, the event loop ---------------------------------------------------------------------

    def shed(self, what: str) -> None:
        self._count("shed_total", (what,))

    def http_request(self, route: str, method: str, status: int, seconds: float) -> None:
        known = method if method in METHODS else OTHER
        self._count("http_requests_total", (route, known, str(status)))
        self._histogram("http_request_seconds", (route,)).observe(seconds)

    def store_operation(self, name: str, seconds: float, failure: str | None = None) -> None:
        found = self._operations.get(name)
        if found is None:
            found = self._operations[name] = self._histogram("store_operation_seconds", (name,))
        found.counts[bisect_left(LATENCY_S, seconds)] += 1
        found.sum += seconds
        if failure is not None:
            self._count("store_failures_total", (name, failure))
        if seconds > self._operation_greatest_s:
            self._operation_greatest_s = seconds
        if seconds > self._slow_s:
            self._count("store_slow_operations_total", (name,))
            self.slow.append((name, round(seconds * 1000, 1), self._now()))

    def store_commit(self, operations: int, seconds: float) -> None:
        self._commits.observe(seconds)
        self._committed += operations

    def database_command(self, collection: str, kind: str, seconds: float, failure: str | None) -> None:
        self._histogram("database_command_seconds", (collection, kind)).observe(seconds)
        if failure is not None:
            self._count("database_command_failures_total", (collection, kind))

    def database_checkout(self, seconds: float, failure: str | None) -> None:
        self._histogram("database_checkout_seconds").observe(seconds)
        if failure is not None:
            self._count("database_checkout_failures_total", ())

    def database_server(self, state: str) -> None:
        self._count("database_server_changes_total", (state,))

    def loop_lag(self, seconds: float) -> None:
        self.lag.observe(seconds)
        if seconds > self._lag_greatest_s:
            self._lag_greatest_s = seconds

    def loop_blocked(self) -> None:
        self._count("event_loop_blocks_total", ())

    def gc_pause(self, generation: int, seconds: float) -> None:
        self._histogram("gc_pause_seconds", (str(generation),)).observe(seconds)

    # ---- for readers ---------------------------------------------------------------------------------------------

    def peaks(self) -> Peaks:
        """Return the peaks since the last call, so there can be one caller only."""
        peaks = Peaks(self._lag_greatest_s, self._operation_greatest_s)
        self._lag_greatest_s = self._operation_greatest_s = 0.0
        return peaks

    def counters(self) -> dict[str, list[tuple[Labels, Number]]]:
        """Return the present counters by family, with their label values.

        Tables are copied before they are iterated over: any allocation may start the garbage collector, whose pass is
        counted at once.
        """
        counters: dict[str, list[tuple[Labels, Number]]] = {
            "connections_opened_total": [((), self.opened)],
            "messages_delivered_total": [((), self.delivered)],
            "messages_received_total": [(("rest",), self._by_rest), (("ws",), self._by_ws)],
            "store_committed_operations_total": [((), self._committed)],
            "cache_reads_total": [((kind, outcome), count) for kind, outcome, count in self.reads()],
            "cache_read_seconds_total": [((kind,), seconds) for kind, seconds in self.seconds()],
        }
        for family, table in self._counters.copy().items():
            counters.setdefault(family, []).extend(sorted(table.copy().items()))
        return counters

    def histograms(self) -> dict[str, list[tuple[Labels, EncodedHistogram]]]:
        """Return the present histograms by family, with their label values; copied for the same reason."""
        return {
            family: [
                (labels, EncodedHistogram(list(one.counts), one.sum)) for labels, one in sorted(table.copy().items())
            ]
            for family, table in self._buckets.copy().items()
        }

    # ---- tables --------------------------------------------------------------------------------------------------

    def _family(self, family: str) -> Counters:
        return self._counters.setdefault(family, defaultdict(int))

    def _count(self, family: str, labels: Labels, times: int = 1) -> None:
        table = self._counters.get(family)
        if table is None:
            table = self._family(family)
        if labels not in table and len(table) >= LABELS_MAX:
            labels = (OTHER,) * len(labels)
        table[labels] += times

    def _histogram(self, family: str, labels: Labels = ()) -> Histogram:
        table = self._buckets.get(family)
        if table is None:
            table = self._buckets.setdefault(family, {})
        found = table.get(labels)
        if found is None:
            if len(table) >= LABELS_MAX:
                labels = (OTHER,) * len(labels)
            found = table.setdefault(labels, Histogram(bounds_of(family)))
        return found
