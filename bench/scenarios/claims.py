"""The report's claims about the speed of this server: each as claimed, as measured here, and whether it holds.

What is compared is compared in one run, in turns, with the switch that turns the optimisation off. A claim that does
not hold, or cannot be measured on this machine, is said in the table and is no failure of the run: failures are lost
and double messages, errors, and what could not be measured though it should.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from bench.claim import DOES_NOT_HOLD, HOLDS, NOT_MEASURABLE, Claim, JudgedClaim, claims_table, not_measurable
from bench.errors import BenchError
from bench.result import Figure
from bench.scenario import Option, Scenario
from bench.scenario_context import ScenarioContext
from bench.scenarios import claims_cache, claims_cluster, claims_http, claims_load, claims_store

Judge = Callable[[ScenarioContext], Iterator[JudgedClaim]]


def _run(context: ScenarioContext) -> list[Figure]:
    if context.given is not None:
        raise BenchError("claims starts servers of its own, with and without the optimisations: it takes no --url")
    judged = [
        *_judged(context, claims_cache.CLAIMS, claims_cache.judged),
        *_judged(context, claims_cluster.CLAIMS, claims_cluster.judged),
        *_judged(context, claims_store.CLAIMS, claims_store.judged),
        *_judged(context, claims_http.CLAIMS, claims_http.judged),
        *_judged(context, claims_load.CLAIMS, claims_load.judged),
    ]
    context.findings.tables.append(claims_table("the report's claims", judged))
    verdicts = [one.verdict for one in judged]
    return [
        Figure(f"claims: {verdict}", verdicts.count(verdict), "") for verdict in (HOLDS, DOES_NOT_HOLD, NOT_MEASURABLE)
    ]


def _judged(context: ScenarioContext, claims: Sequence[Claim], judge: Judge) -> list[JudgedClaim]:
    """The claims in their order, also those that an error left unmeasured, which is a failure of the run."""
    judged, why = {}, "it was left out"
    try:
        for one in judge(context):
            judged[one.claim.name] = one
    except BenchError as error:
        context.failures.add(str(error))
        why = "the run failed, see below"
    return [judged.get(claim.name) or not_measurable(claim, why) for claim in claims]


SCENARIO = Scenario(
    name="claims",
    about="The report's claims: each as claimed and as measured, with and without the optimisation, and the verdict.",
    options={
        "rooms": Option(50, 1, 1000, "of cached values"),
        "askers": Option(50, 2, 500, "who ask for cached values at once"),
        "seconds": Option(4, 1, 60, "of reading and writing, for the hits"),
        "turn_ms": Option(200, 10, 10_000, "of one way to ask; turns are five or seven"),
        "messages": Option(100_000, 1000, 10_000_000, "in the room of the queries"),
        "connections": Option(5000, 1, 20_000, "under load, five in a room"),
        "senders": Option(100, 1, 1000, "of the closed loop"),
        "loop_ms": Option(2500, 100, 60_000, "of the closed loop, three times for each server"),
        "requests": Option(50_000, 1, 10_000_000, "by the clock"),
        "rate": Option(1000, 1, 10_000, "requests a second"),
        "most": Option(10_000, 1, 20_000, "connections at the end"),
    },
    run=_run,
)
