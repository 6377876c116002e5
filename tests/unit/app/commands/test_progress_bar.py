"""The progress bar: on a terminal one line that is not drawn too often, elsewhere a line for each finished part."""

from __future__ import annotations

import io
import re

import pytest

from app.commands.progress_bar import ProgressBar


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def columns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")


def test_on_a_terminal_it_is_drawn_when_there_is_something_new_to_see_and_cleared_at_the_end() -> None:
    stream, now = Terminal(), 100.0
    bar = ProgressBar(stream, now=lambda: now)
    bar.show("messages", 1, 10)
    for done in range(2, 9):
        bar.show("messages", done, 10)  # at the same moment
    assert stream.getvalue().count("messages") == 1
    now += 1.0
    bar.show("messages", 9, 10)
    bar.show("messages", 10, 10)
    bar.show("files", 1, 2)
    bar.end()
    drawn = stream.getvalue().split("\r\x1b[2K")
    assert [re.sub(r"[\s#.\[\]]+", " ", line) for line in drawn] == [
        *("", "messages 1 of 10", "messages 9 of 10", "messages 10 of 10", "files 1 of 2", ""),
    ]
    assert "\n" not in stream.getvalue()


@pytest.mark.parametrize("width", ["10", "30", "50", "200"])
def test_it_fits_into_one_line_of_the_terminal(monkeypatch: pytest.MonkeyPatch, width: str) -> None:
    monkeypatch.setenv("COLUMNS", width)
    stream = Terminal()
    ProgressBar(stream).show("bytes copied and packed", 123_456_789, 987_654_321)
    assert len(stream.getvalue().removeprefix("\r\x1b[2K")) < int(width)


def test_elsewhere_it_is_a_line_for_each_finished_part_or_nothing() -> None:
    for plain, expected in ((True, "messages: 2 of 2\nfiles: 0 of 0\n"), (False, "")):
        stream = io.StringIO()
        bar = ProgressBar(stream, plain=plain)
        for done in range(3):
            bar.show("messages", done, 2)
        bar.show("files", 0, 0)
        bar.end()
        assert stream.getvalue() == expected
