"""What a scenario measured: figures, a table of operations, tables and plots of its own. It measures nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from bench.histogram import Histogram

Cell = str | float | None


class Bound(msgspec.Struct, frozen=True):
    """How much worse than in an earlier run a figure may be before `--against` calls it a regression.

    `factor` 1.25 allows a quarter more, or a fifth less where more is better. With `over_floor` both values are first
    divided by the kernel floor of their runs, which takes the machine's speed out of a CPU time.
    """

    factor: float
    over_floor: bool = False
    more_is_better: bool = False


# What a shared machine adds on its own must not pass a bound: docs/decisions/0038.
CPU = Bound(1.4, over_floor=True)
CPU_OF_BATCHES = Bound(1.6, over_floor=True)  # depends on how many share a commit, and so on the client's speed, too
MEMORY = Bound(1.3)
GAIN = Bound(1.5, more_is_better=True)


class Figure(msgspec.Struct, frozen=True):
    """One result. `value` is None where it is unknown, such as the CPU time of a server of another user.

    A figure without a `bound` is not compared with those of an earlier run.
    """

    name: str
    value: float | None
    unit: str
    bound: Bound | None = None


class Usage(msgspec.Struct, frozen=True):
    """What the server processes spent during an operation: CPU time, and resident memory at its end. None: unknown."""

    cpu_s: float | None = None
    rss_bytes: int | None = None


class Operation(msgspec.Struct, frozen=True):
    """One row of the table of operations: what was done how often, and how long each took.

    `count` includes `errors`; latencies are those of the others. `seconds` is the time in which they were due.
    `client_bound`: the load client was the bottleneck, so rate and latencies say little of the server.
    """

    name: str
    count: int
    errors: int
    seconds: float
    latency: Histogram
    usage: Usage = Usage()
    client_bound: bool = False

    @property
    def per_s(self) -> float | None:
        return self.count / self.seconds if self.seconds > 0 else None

    @property
    def cpu_percent(self) -> float | None:
        """CPU time of the server processes, of one core."""
        return None if self.usage.cpu_s is None or not self.seconds else 100 * self.usage.cpu_s / self.seconds


class Table(msgspec.Struct, frozen=True):
    """A table that only one scenario has, such as claims with their verdicts."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Cell]]


class Plot(msgspec.Struct, frozen=True):
    """Lines for the HTML report: by name, points (x, y).

    On a logarithmic axis every value is above 0; a linear one of y begins at 0 or below.
    """

    title: str
    x: str
    y: str
    lines: Mapping[str, Sequence[tuple[float, float]]]
    log_x: bool = False
    log_y: bool = False


class Findings(msgspec.Struct):
    """What a scenario adds to while it runs, besides the figures that it returns.

    `notes` are sentences. `client_bound`: rates and latencies among the figures say more of the load client than of the
    server.
    """

    operations: list[Operation] = []
    tables: list[Table] = []
    plots: list[Plot] = []
    notes: list[str] = []
    client_bound: bool = False


class Result(msgspec.Struct, frozen=True):
    """The result of one scenario. It passed when `failure_count` is 0. `floor_us`: the kernel floor beside it."""

    name: str
    about: str
    options: Mapping[str, int]
    figures: list[Figure]
    failure_count: int
    failures: list[str]
    seconds: float
    server: Mapping[str, object] = {}
    findings: Findings = msgspec.field(default_factory=Findings)
    floor_us: float | None = None
