"""The store's scenario says which servers it saw, and a MongoDB that is none, or away, costs nothing of what was
measured.
"""

from __future__ import annotations

import io
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from bench import report, store_comparison
from bench.progress_line import ProgressLine
from bench.result import Figure, Result
from bench.scenario_context import ScenarioContext
from bench.scenarios import store as scenario
from bench.stop_signals import StopSignals
from bench.store_queries import MongoQueries
from tests.support.server import free_port


def test_the_table_names_the_servers_that_were_seen() -> None:
    figures = [Figure("message to ack", 1.5, "ms")]
    server: dict[str, Any] = {"sqlite": "SQLite 3.54.0", "mongodb": "MongoDB 8.0.1", "cache": None}
    text = report.table({"cores": 2}, [Result("store", "About.", {}, figures, 0, [], 1.0, server)])
    assert "  server: sqlite SQLite 3.54.0, mongodb MongoDB 8.0.1\n" in text
    assert "server:" not in report.table({"cores": 2}, [Result("store", "About.", {}, figures, 0, [], 1.0)])


def ran(monkeypatch: pytest.MonkeyPatch, uri: str, *, within_ms: int) -> tuple[ScenarioContext, list[Figure]]:
    """A run that is too short to mean anything."""
    monkeypatch.setattr(store_comparison, "TURNS", 1)
    monkeypatch.setattr(scenario, "TURN_S", 0.0)
    monkeypatch.setattr(store_comparison, "WRITERS", (1,))
    monkeypatch.setattr("bench.store_queries.SELECT_WITHIN_MS", within_ms)
    monkeypatch.setenv("MONGO_URI", uri)
    context = ScenarioContext("store", {"messages": 1000, "seconds": 0}, ProgressLine(io.StringIO()), StopSignals())
    with ThreadPoolExecutor(1) as elsewhere:  # it runs event loops of its own, and this thread has one for other tests
        return context, elsewhere.submit(scenario.SCENARIO.run, context).result()


@pytest.mark.parametrize(
    "address",
    ["mongodb://ann:hunter2@127.0.0.1:{port}/", "mongodb://ann:hunter2@@127.0.0.1/", "mongodb://127.0.0.1:x/"],
)
def test_a_mongodb_that_is_down_or_no_address_is_one_line_and_the_rest_is_kept(
    monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    context, figures = ran(monkeypatch, address.format(port=free_port()), within_ms=300)
    assert {figure.name.partition(":")[0] for figure in figures} == {"SQLite"}
    (line,) = context.failures.kept
    assert "MongoDB" in line
    assert "\n" not in line
    assert "hunter2" not in line
    assert set(context.server_facts) == {"sqlite"}


def test_what_only_speaks_like_mongodb_is_named_as_that_and_gets_no_figure(
    monkeypatch: pytest.MonkeyPatch, mongo_uri: str
) -> None:
    monkeypatch.setattr(MongoQueries, "is_real", False)  # whatever server it is
    context, figures = ran(monkeypatch, mongo_uri, within_ms=30_000)
    assert {figure.name.partition(":")[0] for figure in figures} == {"SQLite"}
    assert "a stand-in for MongoDB" in str(context.server_facts["mongodb"])
    assert "no ratio" in str(context.server_facts["mongodb"])
    assert not context.failures.count
