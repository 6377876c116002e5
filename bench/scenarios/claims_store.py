"""The claims about the database: indexes, the text index, keyset pages and a pool, each against the way without it."""

from __future__ import annotations

import os
from collections.abc import Iterator

from bench.claim import Claim, JudgedClaim, judge, not_measurable
from bench.scenario_context import ScenarioContext
from bench.store_comparison import MONGO, SQLITE, compare_databases
from bench.store_queries import BY_INDEX, BY_KEYSET, BY_POOL, BY_TEXT_INDEX

# By comparison: what is claimed of it, by how much less, and what is done without it
_CLAIMED = {
    BY_INDEX: ("query by an index", 60.0, "the index not used"),
    BY_TEXT_INDEX: ("text search", 80.0, "a scan of the texts"),
    BY_KEYSET: ("page far from the newest", 50.0, "rows skipped"),
    BY_POOL: ("query on a pooled connection", 40.0, "a connection each"),
}
CLAIMS_BY_DATABASE = {
    name: {
        comparison: Claim(name=f"{what} ({name})", unit="ms", switch=switch, less_percent=percent)
        for comparison, (what, percent, switch) in _CLAIMED.items()
    }
    for name in (SQLITE, MONGO)
}
CLAIMS = [claim for claims in CLAIMS_BY_DATABASE.values() for claim in claims.values()]


def judged(context: ScenarioContext) -> Iterator[JudgedClaim]:
    """Measure SQLite, and a real mongod where MONGO_URI is one."""
    measured, turn_s = set(), context.options["turn_ms"] / 1000
    for database in compare_databases(context, messages=context.options["messages"], write_s=0, turn_s=turn_s):
        measured.add(database.name)
        for query in database.queries:
            claim = CLAIMS_BY_DATABASE[database.name][query.what]
            yield judge(claim, query.ours_s * 1e3, without=query.other_s * 1e3)
    if MONGO not in measured:
        why = _why_without_mongod(context)
        for claim in CLAIMS_BY_DATABASE[MONGO].values():
            yield not_measurable(claim, why)


def _why_without_mongod(context: ScenarioContext) -> str:
    if not os.environ.get("MONGO_URI"):
        return "MONGO_URI is unset: there is no mongod"
    return "MONGO_URI is no real mongod" if "mongodb" in context.server_facts else "MONGO_URI cannot be used, see below"
