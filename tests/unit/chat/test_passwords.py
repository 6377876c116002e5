"""Which texts are one password, which may not be set, and hashes that were made of the text as it was sent."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from argon2 import PasswordHasher
from hypothesis import given
from hypothesis import strategies as st

from chat.password_rules import COMMON, forms_of, new_password, opaque_string
from chat.passwords import Match, Passwords

COMPOSED, DECOMPOSED = "caf\u00e9 au lait", "cafe\u0301 au lait"


@pytest.fixture
def passwords() -> Iterator[Passwords]:
    one = Passwords(threads=1)
    yield one
    one.close()


@pytest.mark.parametrize(
    ("sent", "compared"),
    [  # RFC 8265 section 4.3, tables 4 and 5
        ("correct horse battery staple", "correct horse battery staple"),
        ("Correct Horse Battery Staple", "Correct Horse Battery Staple"),
        ("πßå", "πßå"),
        ("Jack of ♦s", "Jack of ♦s"),
        ("foo\u1680bar", "foo bar"),
        (DECOMPOSED, COMPOSED),
        ("a\u00a0b\u3000c ", "a b c "),
    ],
)
def test_a_password_is_compared_as_an_opaque_string(sent: str, compared: str) -> None:
    assert opaque_string(sent) == compared


@pytest.mark.parametrize(
    "wrong", ["", "my cat is a \tby", "nul\0nulnul", "line\nline", "\x7f\x7f\x7f\x7f\x7f\x7f\x7f\x7f"]
)
def test_what_is_empty_or_has_controls_is_no_password(wrong: str) -> None:
    with pytest.raises(ValueError, match="control"):
        opaque_string(wrong)
    assert forms_of(wrong) == (wrong,), "at a login it is compared as it is: it may be of before this rule"


@pytest.mark.parametrize("wrong", ["x" * 7, "e\u0301" * 7, "x" * 129, "y" * 60_000])
def test_its_length_is_that_of_the_form_in_which_it_is_compared(wrong: str) -> None:
    with pytest.raises(ValueError, match="8 to 128"):
        new_password(wrong)
    assert new_password("e\u0301" * 128) == "\u00e9" * 128


@pytest.mark.parametrize(
    "common",
    [
        "password",
        "PASSWORD",
        "Password1",
        "12345678",
        "1234567890",
        "qwertyuiop",
        "1qaz2wsx",
        "iloveyou",
        "Sunshine1",
        "P@ssw0rd",
    ],
)
def test_the_commonest_may_not_be_set(common: str) -> None:
    with pytest.raises(ValueError, match="commonest"):
        new_password(common)


def test_the_list_of_the_commonest_is_some_thousands_and_only_of_what_is_long_enough() -> None:
    assert 2_000 < len(COMMON) < 20_000
    assert all(len(password) >= 8 and password == password.casefold() for password in COMMON)


@pytest.mark.gen_test
async def test_both_forms_of_a_password_match_the_hash_of_the_normal_one(passwords: Passwords) -> None:
    encoded = await passwords.hash(new_password(DECOMPOSED))
    for sent in (COMPOSED, DECOMPOSED, COMPOSED.replace(" ", "\u00a0")):
        assert await passwords.check(sent, encoded) == Match(True, None)
    assert await passwords.check(COMPOSED.upper(), encoded) == Match(False, None)
    assert await passwords.check(COMPOSED, None) == Match(False, None)


@pytest.mark.gen_test
async def test_a_hash_of_the_text_as_it_was_sent_still_matches_that_and_is_given_a_better_one(
    passwords: Passwords,
) -> None:
    encoded = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(DECOMPOSED)
    assert await passwords.check(COMPOSED, encoded) == Match(False, None)
    match = await passwords.check(DECOMPOSED, encoded)
    assert match.is_right
    assert match.better_hash is not None
    assert await passwords.check(COMPOSED, match.better_hash) == Match(True, None)


@given(st.text(max_size=30))
def test_the_form_that_is_compared_has_no_other(text: str) -> None:
    first = forms_of(text)[0]
    assert forms_of(first) == (first,)
