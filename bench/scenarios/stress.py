"""The load is raised step by step until the server fails a stated criterion: how far it goes, and where it bends.

A step fails when the p99 of a delivery passes its bound, when more than one message in a hundred is refused or not
acked, or when less than 95 % of what was due could be sent. The server bends at the first step from which on the
median is three times that of the lightest one. Messages are due by the clock, and latencies count from then, so that a
server that falls behind cannot slow its clients down. Where the load client gave up first, that is said.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from bench import client_limits, figure_builders
from bench.loaded_rooms import LoadResult
from bench.result import CPU, Figure, Plot
from bench.scenario import Option, Scenario
from bench.scenario_context import ScenarioContext

_WARM_UP_S = 1
_CONTENT_BYTES = 64
_FACTOR = 1.4
_STEPS_MAX = 40
_ERRORS_MAX_PERCENT = 1.0
_SENT_MIN_PERCENT = 95.0
_BENDS_AT = 3.0  # times the median of the lightest step
_BEND_MIN_MS = 2.0  # a median below this is no bend, however small the first was
_ANSWER_WITHIN_S = 60  # all that waits in the kernel's buffers after the last step


class _Step(msgspec.Struct, frozen=True):
    """One step: what was offered, in messages a second, and what came of it."""

    rate_per_s: float
    load: LoadResult
    criterion_ms: int

    @property
    def errors_percent(self) -> float:
        return 100 * (self.load.messages - self.load.acked) / self.load.messages if self.load.messages else 100.0

    @property
    def sent_percent(self) -> float:
        """What was sent in the time of sending, of what was due."""
        seconds = self.load.sending_s
        return 100 * sum(window.sent for window in self.load.windows) / max(1.0, self.rate_per_s * seconds)

    def percentile_ms(self, percent: float) -> float:
        return self.load.delivery().percentile_ms(percent) or 0.0

    def failure(self) -> str | None:
        """Which criterion this step fails."""
        if self.percentile_ms(99) > self.criterion_ms:
            return f"p99 of a delivery {self.percentile_ms(99):.0f} ms, over {self.criterion_ms} ms"
        if self.errors_percent > _ERRORS_MAX_PERCENT:
            return f"{self.errors_percent:.1f} % of the messages not acked, over {_ERRORS_MAX_PERCENT:.0f} %"
        if self.sent_percent < _SENT_MIN_PERCENT:
            return f"{self.sent_percent:.0f} % of what was due could be sent, under {_SENT_MIN_PERCENT:.0f} %"
        return None


def _run(context: ScenarioContext) -> list[Figure]:
    options = context.options
    rooms, connections = options["rooms"], options["rooms"] * options["connections"]
    steps: list[_Step] = []
    with context.loaded_rooms(connections=connections, users=options["connections"], rooms=rooms) as loaded:
        context.step("connecting")
        loaded.connect(connections, at_once=50, within_s=60)
        rate_per_s = float(options["rate"])
        for number in range(_STEPS_MAX + 1):
            seconds = options["seconds"] if number else _WARM_UP_S
            context.step(f"{rate_per_s:,.0f} messages/s" if number else "warming up")
            load = loaded.send(
                senders=connections,
                rate_per_s=rate_per_s,
                seconds=seconds,
                content_bytes=_CONTENT_BYTES,
                may_refuse=True,
                within_s=_ANSWER_WITHIN_S,
            )
            if not number:
                continue
            steps.append(_Step(rate_per_s, load, options["p99_ms"]))
            figure_builders.note_load(context.findings, f"{rate_per_s:,.0f}/s", load)
            if steps[-1].failure() is not None:
                break
            rate_per_s *= _FACTOR
    _note(context, steps)
    return _figures(steps)


def _figures(steps: list[_Step]) -> list[Figure]:
    passed = [step for step in steps if step.failure() is None]
    best = passed[-1] if passed else None
    bend = _bend(steps)
    return [
        Figure("holds", best.rate_per_s if best else 0.0, "messages/s"),
        Figure("deliveries/s there", best.load.deliveries / best.load.wall_s if best else None, "/s"),
        Figure("p99 of a delivery there", best.percentile_ms(99) if best else None, "ms"),
        Figure("bends at", bend.rate_per_s if bend else None, "messages/s"),
        Figure("fails at", steps[-1].rate_per_s if len(passed) < len(steps) else None, "messages/s"),
        Figure(
            "server CPU per message, first step",
            figure_builders.each_us(steps[0].load.cpu_s, steps[0].load.messages),
            "µs",
            CPU,
        ),
        Figure(
            "server CPU per message, where it holds",
            figure_builders.each_us(best.load.cpu_s, best.load.messages) if best else None,
            "µs",
        ),
    ]


def _bend(steps: Sequence[_Step]) -> _Step | None:
    """The first of the steps that are clearly slower than the lightest, up to the last: one alone met a disturbance."""
    from_ms = max(_BEND_MIN_MS, _BENDS_AT * steps[0].percentile_ms(50))
    bend = None
    for step in reversed(steps):
        if step.percentile_ms(50) < from_ms:
            break
        bend = step
    return bend


def _note(context: ScenarioContext, steps: list[_Step]) -> None:
    last, notes = steps[-1], context.findings.notes
    why = last.failure()
    if why is None:
        notes.append(f"it held {last.rate_per_s:,.0f} messages/s, the last step: nothing failed")
    else:
        notes.append(f"{last.rate_per_s:,.0f} messages/s failed: {why}")
        if (limit := client_limits.reason(last.load)) is not None:
            notes.append(f"the load client, not the server, may have ended the search: {limit}")
    lines = {
        f"p{percent}": [(step.rate_per_s, step.percentile_ms(percent)) for step in steps] for percent in (50, 95, 99)
    }
    context.findings.plots.append(Plot("message to delivery, by load", "messages/s", "ms", lines))


SCENARIO = Scenario(
    name="stress",
    about="Raises the load until a stated criterion fails: what a server holds, and where it bends.",
    options={
        "rooms": Option(20, 1, 500, "all under load"),
        "connections": Option(10, 1, 500, "in each room, all sending in turn"),
        "rate": Option(250, 1, 10_000, "messages a second in the first step; each next one is 1.4 times that"),
        "p99_ms": Option(250, 10, 10_000, "that 99 % of the deliveries may take at most"),
        "seconds": Option(2, 1, 600, "of each step"),
    },
    run=_run,
)
