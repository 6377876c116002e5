"""The report says what was measured, what could not be, and what went wrong."""

from __future__ import annotations

import json

import msgspec
import pytest

from bench import report
from bench.histogram import Histogram
from bench.result import Figure, Findings, Operation, Result, Table, Usage

MACHINE: dict[str, object] = {"cores": 2, "python": "3.11.7", "commit": None}


def result(*figures: Figure, failure_count: int = 0, failures: list[str] | None = None) -> Result:
    return Result("fanout", "What it claims.", {"rate": 30}, list(figures), failure_count, failures or [], 12.34)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (None, "-"),
        (0.0, "0"),
        (6.789, "6.79"),
        (0.01234, "0.0123"),
        (30.0, "30"),
        (123.6, "124"),
        (1234567.0, "1,234,567"),
    ],
)
def test_figures_have_three_digits_or_are_unknown(value: float | None, said: str) -> None:
    assert report.number(value) == said


def test_the_table_names_machine_scenario_options_and_figures() -> None:
    text = report.table(MACHINE, [result(Figure("message to ack, p50", 1.5, "ms"))])
    assert text.splitlines()[0] == "cores 2, python 3.11.7"
    assert "fanout  rate=30  (12 s)" in text
    assert "message to ack, p50" in text
    assert text.endswith("Everything that was acked came once and in order.")


def test_the_table_ends_with_what_failed_and_counts_what_it_leaves_out() -> None:
    text = report.table(MACHINE, [result(failure_count=25, failures=["c: gap"])])
    assert "  FAILED: c: gap" in text
    assert "  FAILED: 24 more" in text
    assert text.endswith("FAILED: fanout")


def test_the_table_of_several_scenarios_says_how_long_each_took_and_all() -> None:
    assert "fanout 12 s, fanout 12 s: 0.4 min in all" in report.table(MACHINE, [result(), result()])
    assert "in all" not in report.table(MACHINE, [result()])


def test_the_document_holds_the_same_as_json() -> None:
    good, bad = result(Figure("deliveries", 7, "")), result(failure_count=1, failures=["c: double"])
    whole = json.loads(report.document(MACHINE, [good, bad]))
    assert whole["ok"] is False
    assert [scenario["ok"] for scenario in whole["scenarios"]] == [True, False]
    assert whole["scenarios"][0]["figures"] == [{"name": "deliveries", "value": 7, "unit": ""}]
    assert whole["scenarios"][1]["failures"] == ["c: double"]
    assert whole["machine"] == MACHINE


def operation(**changed: object) -> Operation:
    usage = Usage(cpu_s=1.0, rss_bytes=80_000_000)
    given = {"name": "message to ack", "count": 60, "errors": 3, "seconds": 2.0, "latency": Histogram({500: 57})}
    return Operation(**(given | {"usage": usage} | changed))  # type: ignore[arg-type]


def test_the_table_of_operations_has_counts_latencies_rate_and_resources() -> None:
    found = Findings(operations=[operation(), operation(name="unknown", latency=Histogram(), usage=Usage())])
    lines = report.table(MACHINE, [msgspec.structs.replace(result(), findings=found)]).splitlines()
    heading = next(place for place, line in enumerate(lines) if "operation" in line)
    assert " ".join(lines[heading].split()) == "operation count errors mean ms p50 p95 p99 max /s CPU % RSS MB"
    assert " ".join(lines[heading + 1].split()) == "message to ack 60 3 0.5 0.5 0.5 0.5 0.5 30 50 80"
    assert " ".join(lines[heading + 2].split()) == "unknown 60 3 - - - - - 30 - -"
    document = json.loads(report.document(MACHINE, [msgspec.structs.replace(result(), findings=found)]))
    (first, _) = document["scenarios"][0]["operations"]
    assert first["meanMs"] == first["p99Ms"] == first["maxMs"] == 0.5
    assert (first["count"], first["errors"], first["perS"], first["serverCpuPercent"]) == (60, 3, 30.0, 50.0)


def test_rates_and_times_that_the_load_client_limited_are_marked_and_its_cpu_cost_is_not() -> None:
    found = Findings(client_bound=True, notes=["the load client was the bottleneck"])
    figures = (Figure("deliveries/s", 7.0, "/s"), Figure("server CPU per delivery", 8.0, "µs"))
    text = report.table(MACHINE, [msgspec.structs.replace(result(*figures), findings=found)])
    (rate,) = [line for line in text.splitlines() if "deliveries/s" in line]
    (cost,) = [line for line in text.splitlines() if "per delivery" in line]
    assert rate.endswith("/s *")
    assert not cost.endswith("*")
    assert "  the load client was the bottleneck\n" in text
    assert "  * limited by the load client" in text


def test_a_table_of_a_scenario_is_printed_with_text_to_the_left_and_numbers_to_the_right() -> None:
    own = Table("Claims", ("claim", "measured"), [("quick", 1.5), ("memory", None)])
    text = report.table(MACHINE, [msgspec.structs.replace(result(), findings=Findings(tables=[own]))])
    assert "  Claims\n    claim   measured\n    quick        1.5\n    memory         -\n" in text
