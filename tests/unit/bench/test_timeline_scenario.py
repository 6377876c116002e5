"""The timeline scenario: a small run in Chromium."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.chromium import chromium_path
from tests.support.bench_run import passed_scenario


@pytest.mark.bench
@pytest.mark.browser
@pytest.mark.slow
@pytest.mark.skipif(chromium_path() is None, reason="needs Chromium: apt-get install chromium-headless-shell")
def test_a_small_run_scrolls_through_the_room_and_types_while_messages_come(tmp_path: Path) -> None:
    scenario = passed_scenario("timeline", "--set=messages=200", "--set=steps=20", folder=tmp_path)
    (shown,) = scenario["tables"]
    rows = [dict(zip(shown["columns"], row, strict=True)) for row in shown["rows"]]
    assert [row["keys"] for row in rows] == [None, 20, None]
    assert all(row["tasks over 50 ms"] >= 0 for row in rows)
    assert rows[1]["key to paint p50 ms"] <= rows[1]["p95 ms"]
