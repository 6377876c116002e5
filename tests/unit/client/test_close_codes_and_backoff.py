"""What follows a close, and how long it is waited for."""

from __future__ import annotations

import pytest

from chat.errors import ERROR_KINDS, CloseCode
from client import close_codes
from client.backoff import Retries, backoff_s
from client.close_codes import Next, after_close
from client.errors import Refused, refusal


def test_the_delay_has_full_jitter_and_a_cap() -> None:
    assert [backoff_s(attempt, rng=lambda: 1.0) for attempt in (0, 1, 2, 20, 2000)] == [0.5, 1.0, 2.0, 30.0, 30.0]
    assert backoff_s(9, rng=lambda: 0.0) == 0.0
    retries = Retries()
    assert retries.next_delay_s(7.0) >= 7.0
    assert retries.count == 1
    retries.reset()
    assert retries.next_delay_s() <= 0.5


@pytest.mark.parametrize(
    ("code", "what"),
    [
        *((code, Next.RETRY) for code in (1000, 1001, 1006, 1009, 1012, 4408, 4413, 4429)),
        *((code, Next.STOP) for code in (1008, 4403, 4409)),
        (4401, Next.REFRESH),
    ],
)
def test_each_close_code_asks_for_what_the_contract_says(code: int, what: Next) -> None:
    assert after_close(code).next is what


def test_the_codes_are_the_servers() -> None:
    own = {name: value for name, value in vars(close_codes).items() if isinstance(value, int)}
    known = {code.name: code.value for code in CloseCode}
    assert {name: known[name] for name in own.keys() & known.keys()} == {
        name: value for name, value in own.items() if name in known
    }
    assert len(own.keys() & known.keys()) >= 5


@pytest.mark.parametrize("code", sorted(ERROR_KINDS))
def test_each_error_code_of_the_server_has_a_class_and_the_same_say_about_retries(code: str) -> None:
    error = refusal({"code": code, "message": "m"})
    assert type(error) is not Refused
    assert error.retryable == ERROR_KINDS[code].retryable
