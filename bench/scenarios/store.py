"""The store alone, without a server: the gain of group commit, indexes, keyset pages, the text index and a pool.

Every figure but the rates is the ratio of two ways to run the same query, taken in turns in one run, on SQLite and on
MongoDB where MONGO_URI is a mongod.
"""

from __future__ import annotations

from bench.result import GAIN, Figure
from bench.scenario import Option, Scenario
from bench.scenario_context import ScenarioContext
from bench.store_comparison import DatabaseComparison, compare_databases

TURN_S = 0.25


def _run(context: ScenarioContext) -> list[Figure]:
    options = context.options
    compared = compare_databases(context, messages=options["messages"], write_s=options["seconds"], turn_s=TURN_S)
    return [figure for database in compared for figure in _figures(database)]


def _figures(database: DatabaseComparison) -> list[Figure]:
    name = database.name
    figures = [
        Figure(f"{name}: acked, {writers} writers", rate, "messages/s") for writers, rate in database.rates.items()
    ]
    for query in database.queries:
        figures += [
            Figure(f"{name}: {query.what}", query.other_s / query.ours_s, "times quicker", GAIN),
            Figure(f"{name}: {query.what}: ours", query.ours_s * 1e3, "ms"),
        ]
    return figures


SCENARIO = Scenario(
    name="store",
    about="The store alone: group commit, and what its indexes, keyset pages, text index and pool are worth.",
    options={
        "messages": Option(100_000, 1000, 10_000_000, "in the room that is asked for"),
        "seconds": Option(3, 1, 60, "of writing, for each number of writers"),
    },
    run=_run,
)
