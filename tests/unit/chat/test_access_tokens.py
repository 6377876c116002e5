"""Access and refresh tokens, with the time passed in."""

from __future__ import annotations

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from chat.access_tokens import KNOWN_MAX, Claims, RefreshToken, Tokens
from chat.errors import ChatError
from store.models import Session

SECRET, OTHER = "first secret, of at least thirty-two bytes", "second secret, of at least thirty-two bytes"
NOW_MS = 1_800_000_000_500
SESSION = Session(id="s1", user_id="u1", generation=3, rotated_at_ms=NOW_MS, expires_at_ms=NOW_MS + 10_000)


def tokens(secret: str = SECRET, previous: str | None = None) -> Tokens:
    return Tokens(secret=secret, previous=previous, expires_in_s=900)


def code(error: pytest.ExceptionInfo[ChatError]) -> str:
    return error.value.code


def test_a_token_speaks_for_its_session_until_it_expires() -> None:
    one = tokens()
    token = one.access(SESSION, now_ms=NOW_MS)
    expires_ms = 1_800_000_900_000
    assert one.verify(token, now_ms=expires_ms - 1) == Claims("u1", "s1", expires_ms)
    with pytest.raises(ChatError) as error:
        one.verify(token, now_ms=expires_ms)
    assert code(error) == "token_expired"


def test_a_token_that_was_verified_before_expires_all_the_same_and_of_them_few_are_known() -> None:
    one = tokens()
    token = one.access(SESSION, now_ms=NOW_MS)
    expires_ms = 1_800_000_900_000
    for _ in range(2):
        assert one.verify(token, now_ms=expires_ms - 1) == Claims("u1", "s1", expires_ms)
        with pytest.raises(ChatError) as error:
            one.verify(token, now_ms=expires_ms)
        assert code(error) == "token_expired"
    for number in range(KNOWN_MAX + 1):
        another = one.access(structs.replace(SESSION, id=f"s{number}"), now_ms=NOW_MS)
        assert one.verify(another, now_ms=NOW_MS).session_id == f"s{number}"
    assert len(one._known) == KNOWN_MAX
    assert one.verify(token, now_ms=NOW_MS).session_id == "s1"


def test_a_token_whose_seal_is_another_is_no_good_where_the_good_one_is_known() -> None:
    one = tokens()
    token = one.access(SESSION, now_ms=NOW_MS)
    one.verify(token, now_ms=NOW_MS)
    with pytest.raises(ChatError) as error:
        one.verify(token[:-2] + ("AA" if token[-2:] != "AA" else "BB"), now_ms=NOW_MS)
    assert code(error) == "unauthorized"


def test_what_the_previous_secret_signed_still_verifies_and_what_another_signed_does_not() -> None:
    token, refresh = tokens(OTHER).access(SESSION, now_ms=NOW_MS), tokens(OTHER).refresh(SESSION)
    rotated = tokens(SECRET, previous=OTHER)
    assert rotated.verify(token, now_ms=NOW_MS).user_id == "u1"
    assert rotated.verify_refresh(refresh) == RefreshToken("s1", 3)
    for check in (lambda: tokens().verify(token, now_ms=NOW_MS), lambda: tokens().verify_refresh(refresh)):
        with pytest.raises(ChatError) as error:
            check()
        assert code(error) == "unauthorized"


def test_a_rotated_secret_signs_with_the_new_one() -> None:
    rotated = tokens(SECRET, previous=OTHER)
    assert tokens(SECRET).verify(rotated.access(SESSION, now_ms=NOW_MS), now_ms=NOW_MS).session_id == "s1"
    assert tokens(SECRET).verify_refresh(rotated.refresh(SESSION)) == RefreshToken("s1", 3)


def test_a_token_of_another_form_verifies_as_well() -> None:
    claims = {"exp": 1_900_000_000, "sid": "s1", "sub": "u1", "iat": 1, "more": "of another version"}
    for headers in ({}, {"kid": "k"}, {"typ": None}):
        token = jwt.encode(claims, SECRET, algorithm="HS256", headers=headers)
        assert tokens().verify(token, now_ms=NOW_MS) == Claims("u1", "s1", 1_900_000_000_000)


@given(st.text(max_size=200))
def test_whatever_is_no_token_is_unauthorized(text: str) -> None:
    for check in (lambda: tokens().verify(text, now_ms=NOW_MS), lambda: tokens().verify_refresh(text)):
        with pytest.raises(ChatError) as error:
            check()
        assert code(error) == "unauthorized"


@given(st.integers(0, 400), st.integers(1, 255))
def test_a_token_with_any_byte_changed_is_unauthorized(place: int, change: int) -> None:
    one = tokens()
    for token, check in (
        (one.access(SESSION, now_ms=NOW_MS), lambda text: one.verify(text, now_ms=NOW_MS)),
        (one.refresh(SESSION), one.verify_refresh),
    ):
        index = place % len(token)
        bad = token[:index] + chr(ord(token[index]) ^ change) + token[index + 1 :]
        if index == len(token) - 1:
            continue  # base64's last character has bits that mean nothing
        with pytest.raises(ChatError) as error:
            check(bad)
        assert code(error) == "unauthorized"


@pytest.mark.parametrize(
    "claims",
    [
        {"sub": "u1", "sid": "s1"},
        {"sub": "u1", "exp": 2_000_000_000},
        {"sid": "s1", "exp": 2_000_000_000},
        {"sub": "u1", "sid": 7, "exp": 2_000_000_000},
        {"sub": 7, "sid": "s1", "exp": 2_000_000_000},
        {"sub": "u1", "sid": "s1", "exp": "2000000000x"},
        {"sub": "u1", "sid": "s1", "exp": 1e300},
        {"sub": "u1", "sid": "s1", "exp": None},
    ],
)
def test_a_token_that_we_signed_with_other_claims_is_unauthorized(claims: dict[str, object]) -> None:
    with pytest.raises(ChatError) as error:
        tokens().verify(jwt.encode(claims, SECRET, algorithm="HS256"), now_ms=NOW_MS)
    assert code(error) == "unauthorized"
