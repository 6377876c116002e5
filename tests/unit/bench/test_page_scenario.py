"""The page scenario: a small run in Chromium."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.chromium import chromium_path
from bench.scenarios import page
from tests.support.bench_run import passed_scenario


@pytest.mark.bench
@pytest.mark.browser
@pytest.mark.slow
@pytest.mark.skipif(chromium_path() is None, reason="needs Chromium: apt-get install chromium-headless-shell")
def test_a_small_run_loads_each_page_with_an_empty_cache_and_with_a_full_one(tmp_path: Path) -> None:
    options = [f"--set={option}" for option in ("turns=1", "kbit_s=90000", "latency_ms=20", "cpu_slower=1")]
    scenario = passed_scenario("page", *options, folder=tmp_path)
    (shown,) = scenario["tables"]
    rows = [dict(zip(shown["columns"], row, strict=True)) for row in shown["rows"]]
    assert [(row["page"], row["cache"]) for row in rows] == [
        (name, cache) for name in page.PAGES for cache in ("empty", "full")
    ]
    for empty, full in zip(rows[::2], rows[1::2], strict=True):
        assert empty["requests"] > full["requests"] == 1
        assert empty["bytes"] > 10 * full["bytes"] > 0
        assert empty["first paint ms"] > 20
