"""The two formats of the log: one line an event, whatever is in it."""

from __future__ import annotations

import json
import logging
import os
import re
import sys
from typing import Any

import pytest

from monitor.log_line_writer import LineWriter
from monitor.log_setup import EventFormatter, JsonFormatter, LineHandler, TextFormatter, log_event

NASTY = "two\nlines, a \x1b[31mcolour\x1b[0m, a \r return, ünïcode 😀 and \u2028"


def record(message: str = "request", *, failed: bool = False, **fields: Any) -> logging.LogRecord:
    error = None
    if failed:
        try:
            raise ValueError("why")
        except ValueError:
            error = sys.exc_info()
    made = logging.LogRecord("access", logging.INFO, __file__, 1, message, None, error)
    made.fields = fields
    return made


def test_a_text_line_has_the_time_in_utc_the_level_the_source_and_the_fields() -> None:
    line = TextFormatter().format(record(method="GET", status=200, ms=1.5))
    assert re.fullmatch(
        r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z INFO access: request method=GET status=200 ms=1\.5", line
    )


@pytest.mark.parametrize("formatter", [TextFormatter(), JsonFormatter()])
def test_what_comes_from_a_client_cannot_begin_a_line_of_its_own(formatter: logging.Formatter) -> None:
    line = formatter.format(record(NASTY, path=NASTY))
    assert len(line.splitlines()) == 1
    assert "\x1b" not in line


def test_a_json_line_is_an_object_with_the_fields_as_they_are() -> None:
    entry = json.loads(JsonFormatter().format(record(NASTY, path=NASTY, status=200, who=None)))
    assert (entry["message"], entry["path"], entry["status"], entry["who"]) == (NASTY, NASTY, 200, None)
    assert (entry["level"], entry["logger"]) == ("info", "access")


def test_a_traceback_is_text_within_a_json_line_and_follows_a_text_line() -> None:
    entry = json.loads(JsonFormatter().format(record(failed=True)))
    assert "ValueError: why" in entry["traceback"]
    first, *rest = TextFormatter().format(record(failed=True)).splitlines()
    assert first.endswith("access: request")
    assert rest[-1] == "ValueError: why"


@pytest.mark.parametrize("formatter", [TextFormatter(), JsonFormatter()])
def test_an_event_is_the_same_line_with_a_record_of_it_and_without(formatter: EventFormatter) -> None:
    reading, writing = os.pipe()
    writer = LineWriter(writing, dropped_line=lambda count: b"")
    root = logging.RootLogger(logging.INFO)
    logger = logging.Manager(root).getLogger("access")
    root.addHandler(LineHandler(writer, formatter))
    fields = {"path": NASTY, "status": 200, "ms": 1.5}
    log_event(logger, logging.INFO, "request", fields)
    log_event(logger, logging.DEBUG, "left out", fields)
    root.addHandler(logging.NullHandler())  # so that there is a record
    log_event(logger, logging.INFO, "request", fields)
    log_event(logger, logging.DEBUG, "left out", fields)
    writer.close(within_s=60)
    os.close(writing)
    with open(reading, encoding="ascii") as lines:
        without, with_record = (re.sub(r"T[0-9:.]+Z", "", line) for line in lines)
    assert without == with_record
    assert "request" in without
