from __future__ import annotations

import pytest

from handlers.byte_ranges import Span, Unsatisfiable, requested_span


@pytest.mark.parametrize(
    ("header", "span"),
    [
        (None, None),
        ("bytes=0-4", Span(0, 5)),
        ("bytes=5-", Span(5, 10)),
        ("bytes=5-100", Span(5, 10)),
        ("bytes=9-9", Span(9, 10)),
        ("bytes=-3", Span(7, 10)),
        ("bytes=-100", Span(0, 10)),
        ("BYTES=0-0", Span(0, 1)),
        ("bytes=0-1,4-5", None),
        ("bytes=5-4", None),
        ("bytes=-", None),
        ("bytes=", None),
        ("bytes=a-b", None),
        ("bytes=--3", None),
        ("bytes=\u00b2-", None),
        ("bytes=0-4;x", None),
        ("lines=0-4", None),
        ("bytes=" + "9" * 30 + "-", None),
    ],
)
def test_a_header_asks_for_a_part_or_for_all(header: str | None, span: Span | None) -> None:
    assert requested_span(header, 10) == span


@pytest.mark.parametrize("header", ["bytes=10-", "bytes=10-20", "bytes=-0", "bytes=999999999-"])
def test_what_lies_behind_the_end_is_not_there(header: str) -> None:
    with pytest.raises(Unsatisfiable):
        requested_span(header, 10)


@pytest.mark.parametrize("header", ["bytes=0-", "bytes=-1"])
def test_an_empty_file_has_no_part(header: str) -> None:
    with pytest.raises(Unsatisfiable):
        requested_span(header, 0)
