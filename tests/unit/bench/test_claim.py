"""What is said of a claim: as claimed, as measured, and the verdict with its reason."""

from __future__ import annotations

import pytest

from bench.claim import COLUMNS, DOES_NOT_HOLD, HOLDS, NOT_MEASURABLE, Claim, claims_table, judge, not_measurable

FASTER = Claim(name="a page", unit="ms", switch="CACHE_ENABLED", less_percent=70)
LATENCY = Claim(name="send", unit="ms", switch="WS_COALESCE", before=200, at_most=60)
HITS = Claim(name="hits", unit="%", at_least=85)
CONNECTIONS = Claim(name="connections", unit="", before=1000, at_least=10_000)


def test_a_claim_shows_its_bounds_as_it_claims_them() -> None:
    assert FASTER.as_claimed == "70 % less"
    assert LATENCY.as_claimed == "200 → 60 ms"
    assert HITS.as_claimed == "≥ 85 %"
    assert CONNECTIONS.as_claimed == "1,000 → 10,000"


def test_a_value_that_is_less_by_as_much_as_claimed_holds() -> None:
    judged = judge(FASTER, 3.0, without=10.0)
    assert (judged.verdict, judged.why) == (HOLDS, "")
    assert judged.less_percent == pytest.approx(70)


@pytest.mark.parametrize(
    ("value", "why"), [(4.0, "60 % less, not 70 %"), (10.0, "no less than without"), (12.0, "no less than without")]
)
def test_a_value_that_is_less_by_too_little_does_not_hold_and_says_by_how_much(value: float, why: str) -> None:
    judged = judge(FASTER, value, without=10.0)
    assert (judged.verdict, judged.why) == (DOES_NOT_HOLD, why)


def test_a_claim_from_one_value_to_another_needs_both_the_value_and_the_difference() -> None:
    assert judge(LATENCY, 6.0, without=20.0).verdict == HOLDS
    assert judge(LATENCY, 9.0, without=20.0).why == "55 % less, not 70 %"
    assert judge(LATENCY, 61.0, without=600.0).why == "more than 60"
    assert judge(LATENCY, 61.0, without=61.0, note="busy").why == "more than 60; no less than without; busy"


def test_a_claim_of_more_needs_no_run_without() -> None:
    assert judge(CONNECTIONS, 10_000).verdict == HOLDS
    assert judge(CONNECTIONS, 9_999).why == "less than 10,000"
    assert judge(HITS, 84.9).why == "less than 85"


def test_what_is_unknown_is_not_measurable_and_no_verdict() -> None:
    assert judge(HITS, None).verdict == NOT_MEASURABLE
    judged = judge(FASTER, 3.0)
    assert (judged.verdict, judged.value) == (NOT_MEASURABLE, 3.0)
    assert not_measurable(FASTER, "no mongod").row()[-1] == f"{NOT_MEASURABLE}: no mongod"


def test_the_table_has_a_row_for_each_claim_with_its_switch_or_none() -> None:
    table = claims_table("claims", [judge(FASTER, 3.0, without=10.0), judge(HITS, 96.0)])
    rows = [dict(zip(COLUMNS, row, strict=True)) for row in table.rows]
    assert [row["claim"] for row in rows] == ["a page", "hits"]
    assert [row["switch"] for row in rows] == ["CACHE_ENABLED", "none"]
    assert [row["without"] for row in rows] == [10.0, None]
    assert [row["verdict"] for row in rows] == [HOLDS, HOLDS]
