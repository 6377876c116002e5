"""The report says what was measured, what could not be, and what went wrong."""

from __future__ import annotations

import json

import pytest

from bench import report
from bench.scenario import Figure, Result

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
    assert report.number(Figure("f", value, "ms")) == said


def test_the_table_names_machine_scenario_options_and_figures() -> None:
    text = report.table(MACHINE, [result(Figure("send to ack, p50", 1.5, "ms"))])
    assert text.splitlines()[0] == "cores 2, python 3.11.7"
    assert "fanout  rate=30  (12 s)" in text
    assert "send to ack, p50" in text
    assert text.endswith("Everything that was acked came once and in order.")


def test_the_table_ends_with_what_failed_and_counts_what_it_leaves_out() -> None:
    text = report.table(MACHINE, [result(failure_count=25, failures=["c: gap"])])
    assert "  FAILED: c: gap" in text
    assert "  FAILED: 24 more" in text
    assert text.endswith("FAILED: fanout")


def test_the_document_holds_the_same_as_json() -> None:
    good, bad = result(Figure("deliveries", 7, "")), result(failure_count=1, failures=["c: double"])
    whole = json.loads(report.document(MACHINE, [good, bad]))
    assert whole["ok"] is False
    assert [scenario["ok"] for scenario in whole["scenarios"]] == [True, False]
    assert whole["scenarios"][0]["figures"] == [{"name": "deliveries", "value": 7, "unit": ""}]
    assert whole["scenarios"][1]["failures"] == ["c: double"]
    assert whole["machine"] == MACHINE
