"""Grafana's dashboard and Prometheus's rules:
what they ask for is there, and they are written as promtool wants them.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from monitor.prometheus import COUNTERS, HISTOGRAMS, PREFIX
from tests.support.client import register
from tests.support.server import ROOT, serving
from tests.support.waiting import poll

RULES = ROOT / "deploy" / "prometheus" / "chat-rooms.rules.yml"
DASHBOARD = ROOT / "deploy" / "grafana" / "chat-rooms.json"
OPERATIONS = ROOT / "docs" / "operations.md"
PROMTOOL = shutil.which("promtool")
OF_PROMETHEUS = {"le", "instance", "job"}

pytestmark = pytest.mark.skipif(PROMTOOL is None, reason="need promtool on PATH (Debian: apt-get install prometheus)")


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[set[str]]:
    """The names of all series that a server shows once it was used."""
    with serving(tmp_path_factory.mktemp("live") / "data", {"MONITOR_INTERVAL": "0.2"}) as server:
        ada = register(server.url)
        ada.post(ada.make_room()["id"], "x")
        # The second comes with the first sample that has the disk
        sampled = (b"chat_process_cpu_ratio", b"chat_forecast_disk_seconds")
        shown = poll(lambda: all(name in (body := ada.call("GET", "/metrics").body) for name in sampled) and body)
        text = shown.decode()
    yield (
        {sample.name for family in text_string_to_metric_families(text) for sample in family.samples}
        | {f"{family.name}_total" for family in text_string_to_metric_families(text) if family.type == "counter"}
        | {f"{family.name}_bucket" for family in text_string_to_metric_families(text) if family.type == "histogram"}
    )


def expressions() -> Mapping[str, str]:
    """Each PromQL expression by where it stands, with Grafana's variables filled in."""
    rules = dict(enumerate(re.findall(r"^ +expr: (.+)$", RULES.read_text(), re.MULTILINE)))
    panels = json.loads(DASHBOARD.read_text())["panels"]
    asked = {f"rule {number}": expression for number, expression in rules.items()}
    for panel in panels:
        for target in panel["targets"]:
            filled = target["expr"].replace("$__rate_interval", "1m").replace("$instance", ".*")
            asked[f"{panel['title']} {target['refId']}"] = filled
    return asked


def test_what_is_asked_for_exists(live: set[str]) -> None:
    asked = {name for expression in expressions().values() for name in re.findall(r"\bchat_[a-z0-9_]+", expression)}
    assert len(asked) > 20
    assert asked - live == set()


def test_every_label_that_is_asked_for_is_one_of_its_metric() -> None:
    labels = {PREFIX + name: set(family.labels) for name, family in {**COUNTERS, **HISTOGRAMS}.items()}
    for where, expression in expressions().items():
        for name, selector in re.findall(r"\b(chat_[a-z0-9_]+)\{([^}]*)\}", expression):
            family = re.sub(r"_(bucket|sum|count)$", "", name)
            wanted = set(re.findall(r"(\w+)=~?", selector)) - OF_PROMETHEUS
            assert wanted <= labels.get(family, set()), where
        known = {
            label
            for name in re.findall(r"\bchat_[a-z0-9_]+", expression)
            for label in labels.get(re.sub(r"_bucket$", "", name), ())
        }
        for grouped in re.findall(r"\bby \(([^)]*)\)", expression):
            assert {label.strip() for label in grouped.split(",")} <= known | OF_PROMETHEUS, where


def test_the_rules_and_the_dashboards_expressions_are_prometheus_own_language(tmp_path: Path) -> None:
    panels = tmp_path / "panels.yml"
    entries = [
        {"record": f"panel:{number}", "expr": expression} for number, expression in enumerate(expressions().values())
    ]
    panels.write_text(json.dumps({"groups": [{"name": "panels", "rules": entries}]}))  # YAML has JSON in it
    for file in (RULES, panels):
        run = subprocess.run([str(PROMTOOL), "check", "rules", str(file)], capture_output=True, text=True, check=False)
        assert run.returncode == 0, run.stdout + run.stderr
    config = RULES.with_name("prometheus.yml")
    run = subprocess.run([str(PROMTOOL), "check", "config", str(config)], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr


def test_each_rule_that_names_an_alert_of_ours_names_one_that_is_explained() -> None:
    explained = set(re.findall(r"^\| `(\w+)` \|", OPERATIONS.read_text(), re.MULTILINE))
    named = re.findall(r"alert: ([a-z_]+)\}", RULES.read_text())
    assert len(named) >= 10
    assert set(named) <= explained
