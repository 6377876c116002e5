"""Alerts as lines of the log: their exact form, and the limits on their number."""

from __future__ import annotations

import json
import logging

import pytest

from monitor.alert_log import AlertLog
from monitor.alerts import Alerts, Rule
from monitor.log_setup import JsonFormatter, TextFormatter

START_S = 1_800_000_000.0


class LoggedAlert:
    """One alert and its log. `feed` returns the new lines, without time, level and logger."""

    def __init__(self, caplog: pytest.LogCaptureFixture) -> None:
        self._caplog = caplog
        self._log = AlertLog()
        self._alerts = Alerts(rules=[Rule("cpu", "warning", 80.0, 72.0, 0.0, 0.0, lambda window: window[-1]["cpu"])])
        self.at_s = START_S

    def feed(self, value: float, after_s: float = 5.0) -> list[str]:
        self.at_s += after_s
        self._caplog.clear()
        events = self._alerts.evaluate(self.at_s, {"cpu": value})
        self._log.write(events, self._alerts.active, self.at_s)
        return [TextFormatter().format(record).partition(" WARNING alerts: ")[2] for record in self.records]

    @property
    def records(self) -> list[logging.LogRecord]:
        return self._caplog.records


@pytest.fixture
def logged_alert(caplog: pytest.LogCaptureFixture) -> LoggedAlert:
    return LoggedAlert(caplog)


def test_a_raised_and_a_resolved_alert_are_one_line_each(logged_alert: LoggedAlert) -> None:
    assert logged_alert.feed(97.5) == [
        "ALERT raised name=cpu severity=warning value=97.5 threshold=80.0 since=2027-01-15T08:00:05.000Z"
    ]
    assert logged_alert.feed(99.0) == []
    assert logged_alert.feed(1.0) == [
        (
            "ALERT resolved name=cpu severity=warning worst=99.0 "
            "since=2027-01-15T08:00:05.000Z resolvedAt=2027-01-15T08:00:15.000Z"
        )
    ]


def test_in_json_they_are_fields(logged_alert: LoggedAlert) -> None:
    logged_alert.feed(97.5)
    entry = json.loads(JsonFormatter().format(logged_alert.records[0]))
    del entry["time"]
    assert entry == {
        "level": "warning",
        "logger": "alerts",
        "message": "ALERT raised",
        "name": "cpu",
        "severity": "warning",
        "value": 97.5,
        "threshold": 80.0,
        "since": "2027-01-15T08:00:05.000Z",
    }


def test_an_alert_that_stays_active_is_logged_again_every_15_minutes(logged_alert: LoggedAlert) -> None:
    logged_alert.feed(90.0)
    lines = [line for n in range(1, 1 + 12 * 60) for line in logged_alert.feed(90.0 + n / 1000)]
    assert len(lines) == 4
    assert (
        lines[0] == "ALERT active name=cpu severity=warning value=90.18 threshold=80.0 since=2027-01-15T08:00:05.000Z"
    )
    assert logged_alert.feed(1.0)[0].startswith("ALERT resolved name=cpu")


def test_a_flapping_alert_is_logged_six_times_an_hour_and_then_how_often_it_was_not(logged_alert: LoggedAlert) -> None:
    lines = [line for _ in range(50) for value in (90.0, 1.0) for line in logged_alert.feed(value, 10.0)]
    assert [line.split()[1] for line in lines] == ["raised", "resolved"] * 6
    (raised,) = logged_alert.feed(90.0, 3600.0)
    assert raised.endswith(" untold=44")
    assert logged_alert.feed(1.0)[0].startswith("ALERT resolved")
    assert "untold" not in logged_alert.feed(90.0, 3600.0)[0]


def test_an_alert_whose_raise_was_not_logged_is_logged_after_15_minutes(logged_alert: LoggedAlert) -> None:
    for _ in range(10):
        logged_alert.feed(90.0, 10.0)
        logged_alert.feed(1.0, 10.0)
    assert logged_alert.feed(90.0, 10.0) == []
    assert [logged_alert.feed(90.0, 300.0) for _ in range(2)] == [[], []]
    (line,) = logged_alert.feed(90.0, 300.0)
    assert line.startswith("ALERT active name=cpu")
    assert line.endswith(" untold=5")
    assert logged_alert.feed(1.0)[0].startswith("ALERT resolved name=cpu")


def test_a_clock_that_is_stepped_back_does_not_silence_it(logged_alert: LoggedAlert) -> None:
    for _ in range(6):
        logged_alert.feed(90.0, 10.0)
        logged_alert.feed(1.0, 10.0)
    assert logged_alert.feed(90.0, -86_400.0)[0].startswith("ALERT raised")
    assert [len(logged_alert.feed(90.0, 450.0)) for _ in range(4)] == [0, 1, 0, 1]
