"""Numbers from outside are ASCII digits, and nothing else that Python would read as one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.number_parsing import decimal_number, whole_number

NO_NUMBER = (
    "", " ", "²", "١", "٣", "1_000", "+5", "-5", "-0", " 5", "5 ", "5\n", "0x5",
    "5e3", "1e400", "inf", "nan", "Infinity", "½", "5,0", "\0",
)  # fmt: skip


@pytest.mark.parametrize("text", [*NO_NUMBER, "5.0", "9" * 19, "1" * 100_000])
def test_what_is_no_whole_number_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="ASCII"):
        whole_number(text)


@pytest.mark.parametrize("text", [*NO_NUMBER, ".5", "5.", "1.2.3", "1" * 100_000])
def test_what_is_no_decimal_number_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="ASCII"):
        decimal_number(text)


def test_the_others_are_read() -> None:
    assert (whole_number("0"), whole_number("007"), whole_number("9" * 18)) == (0, 7, 10**18 - 1)
    assert (decimal_number("0.25"), decimal_number("20")) == (0.25, 20.0)


@given(st.text(max_size=6))
def test_any_text_is_a_number_exactly_if_it_is_all_ascii_digits(text: str) -> None:
    try:
        number = whole_number(text)
    except ValueError:
        assert not (text.isascii() and text.isdigit())
    else:
        assert text.isascii()
        assert number == int(text)
