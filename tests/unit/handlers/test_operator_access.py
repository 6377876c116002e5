"""Whom an address alone lets in: not whom a page of somebody else's has sent."""

from __future__ import annotations

import pytest

from chat.administrators import Administrators
from handlers.operator_access import Operators

OPERATORS = Operators(networks=[], hosts={"metrics.example", "chat"}, administrators=Administrators(usernames=()))


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1", "127.0.0.1:8000", "[::1]:8000", "[2001:db8::1]", "203.0.113.7", "localhost", "LOCALHOST.:8000",
        "Metrics.Example:443",
        "metrics.example.", "chat:8001",
    ],
)  # fmt: skip
def test_an_address_localhost_and_a_listed_name_are_trusted(host: str) -> None:
    assert OPERATORS.trusts(host, {})


@pytest.mark.parametrize(
    "host",
    [
        "", "evil.example", "127.0.0.1.evil.example", "localhost.evil.example", "xmetrics.example",
        "metrics.example.evil", "127.0.0.1:x",
        "a b",
    ],
)  # fmt: skip
def test_any_other_name_is_not(host: str) -> None:
    assert not OPERATORS.trusts(host, {})


@pytest.mark.parametrize(
    ("headers", "trusted"),
    [
        ({"Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "cors"}, True),
        ({"Sec-Fetch-Site": "none", "Sec-Fetch-Mode": "navigate"}, True),
        ({"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "cors"}, True),
        ({"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}, True),
        ({"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "cors"}, False),
        ({"Sec-Fetch-Site": "Cross-Site", "Sec-Fetch-Mode": "no-cors"}, False),
        ({"Sec-Fetch-Site": "cross-site"}, False),
    ],
)
def test_a_page_of_another_site_is_not_but_a_person_who_follows_its_link_is(
    headers: dict[str, str], trusted: bool
) -> None:
    assert OPERATORS.trusts("127.0.0.1", headers) is trusted
