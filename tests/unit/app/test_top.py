"""The figures of `server.py top`: rates from two polls, formats, and lines that fit and move no cursor."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from app.top.figures import duration, figures_of, milliseconds, number, percent, size
from app.top.metrics_replies import Poll
from app.top.screen import Style, cut, lines_of

START = datetime(2026, 1, 31, 12, tzinfo=UTC)
PLAIN = Style(coloured=False)


def poll(seconds: float, *, received: int, processes: int = 1, **more: Any) -> Poll:
    at = (START + timedelta(seconds=seconds)).isoformat()
    process = {"uptimeS": 100.0, "connections": 5, "cpuPercent": 12.5}
    pages = {
        "about": {"version": "1.0", "store": "sqlite", "cache": "memory"},
        "performance": {
            "at": at,
            "uptimeS": 100.0,
            "cpu": {"percent": 25.0},
            "memory": {"rssBytes": 52_428_800},
            "loop_lag_ms": {},
            "loopLagMs": {"p99": 1.5},
            "shedding": {"shed": {"typing": 3}},
            "processes": [{"processId": f"p{one}", **process} for one in range(processes)],
            "http": {"/messages": {"answers": {"GET 200": 7, "GET 500": 2, "POST 503": 1}}},
            "lately": {"messagesIn": 0.25, "sendToAckP95Ms": 2.5},
        },
        "websocket": {
            "at": at,
            "connections": {"now": 5, "max": 100},
            "rooms": {"open": 2, "top": [{"roomId": "r1\x1b[2J", "connections": 4}]},
            "messages": {"in": received, "out": 10 * received},
            "sendToAckMs": {"p95": 9.0},
            "sendToDeliveryMs": {},
        },
        "database": {"at": at, "operations": {"messages.append": {"count": received, "p95Ms": 1.25}}, "queue": 3},
        "cache": {"hitRate": 0.982},
        "alerts": {"active": [{"name": "cpu", "severity": "critical", "value": 93.0, "threshold": 80.0}]},
        **more,
    }
    return msgspec.convert(pages, Poll)


def shown(poll: Poll, before: Poll | None = None) -> dict[str, str]:
    return dict(figures_of(poll, before).facts)


def test_an_alert_is_told_with_what_it_is_of() -> None:
    forecast = {"name": "forecast", "subject": "disk", "severity": "warning", "value": 7.5, "threshold": 24.0}
    cpu = {"name": "cpu", "severity": "critical", "value": 93.0, "threshold": 80.0}
    alerts = figures_of(poll(4, received=1, alerts={"active": [cpu, forecast]}), None).alerts
    assert [text for _, text in alerts] == [
        "cpu is 93, and its threshold 80",
        "forecast of disk is 7.50, and its threshold 24",
    ]


def test_a_rate_is_the_increase_between_two_polls_by_the_servers_clock() -> None:
    facts = shown(poll(4, received=130), poll(0, received=100))
    assert facts["Messages in"] == "7.50/s, 130 in all"
    assert facts["Messages out"] == "75/s, 1,300 in all"


def test_before_the_second_poll_one_process_has_the_rate_of_its_last_sample_and_several_have_none() -> None:
    assert shown(poll(0, received=1))["Messages in"] == "0.25/s, 1 in all"
    assert shown(poll(0, received=1, processes=2))["Messages in"] == "–/s, 1 in all"


def test_a_counter_that_decreased_for_a_process_has_left_has_no_rate() -> None:
    assert shown(poll(4, received=20), poll(0, received=100))["Messages in"] == "–/s, 20 in all"


def test_latency_is_of_the_last_sample_of_one_process_and_of_all_time_of_several() -> None:
    assert shown(poll(0, received=1))["Send to ack"] == "2.50 ms p95"
    assert shown(poll(0, received=1, processes=2))["Send to ack"] == "9 ms p95, since the start"


def test_errors_are_the_answers_with_5xx_of_all_routes() -> None:
    assert shown(poll(0, received=1))["Server errors"] == "3 answers with 5xx"


def test_a_store_that_does_not_answer_leaves_the_rest() -> None:
    figures = figures_of(poll(0, received=1, database=None, cache=None), None)
    assert dict(figures.facts)["Waiting writes"] == "–"
    assert ("the store does not answer", "", "", "", "") in figures.tables[1].rows


@pytest.mark.parametrize("width", [20, 40, 80, 137, 300])
@pytest.mark.parametrize("processes", [1, 3])
def test_the_lines_fit_and_have_no_character_that_moves_the_cursor(width: int, processes: int) -> None:
    figures = figures_of(poll(0, received=1_234_567, processes=processes), None)
    lines = lines_of(figures, where="http://127.0.0.1:8000", width=width, style=PLAIN)
    assert max(map(len, lines)) <= width
    assert all(line.isprintable() for line in lines)
    assert any("ALERT" in line for line in lines)


def test_several_facts_stand_side_by_side_where_there_is_room() -> None:
    figures = figures_of(poll(0, received=1), None)
    heights = [len(lines_of(figures, where="", width=width, style=PLAIN)) for width in (60, 100, 200)]
    assert heights == sorted(set(heights), reverse=True)


def test_formats() -> None:
    assert [number(one) for one in (None, float("nan"), 0.123, 3.456, 56.78, 1234.5, 2_500_000)] == [
        *("–", "–", "0.12", "3.46", "56.8", "1,234", "2.5M"),
    ]
    assert [percent(one) for one in (None, 3.14, 56.7)] == ["–", "3.1 %", "57 %"]
    assert [milliseconds(one) for one in (None, 0.5, 1500)] == ["–", "0.50 ms", "1.50 s"]
    assert [size(one) for one in (None, 0, 512, 1536, 52_428_800)] == ["–", "0 B", "512 B", "1.50 KiB", "50 MiB"]
    assert [duration(one) for one in (0, 59.9, 200, 7500, 270_000)] == [
        "0 s",
        "59 s",
        "3 min 20 s",
        "2 h 5 min",
        "3 d 3 h",
    ]
    assert cut("abcdef", 4) == "abc…"
    assert cut("a\u202eb\x07", 9) == "a?b?"
