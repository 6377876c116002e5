"""Origins compared as RFC 6454 says, and hosts as they stand in headers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers.origin_check import Host, origin_allowed, parse_host, parse_origin

LISTED = ["https://listed.example", "http://listed.example:8080"]


@pytest.mark.parametrize(
    ("origin", "host", "scheme"),
    [
        ("https://chat.example", "chat.example", None),
        ("https://chat.example", "chat.example:443", None),
        ("https://chat.example:443", "chat.example", None),
        ("http://chat.example", "chat.example:80", None),
        ("http://chat.example", "chat.example", "http"),
        ("https://chat.example", "chat.example:443", "https"),
        ("https://chat.example:8443", "chat.example:8443", "https"),
        ("https://CHAT.Example", "chat.example.", None),
        ("http://[2001:db8::1]:8000", "[2001:DB8:0::1]:8000", None),
        ("https://[::1]", "[::1]:443", None),
        ("http://127.0.0.1:8000", "127.0.0.1:8000", None),
        ("http://chat_server:8000", "chat_server:8000", None),
        ("https://listed.example", "other", "http"),
        ("https://listed.example:443", "other", None),
        ("http://listed.example:8080", "other", None),
    ],
)
def test_a_page_of_ours_or_of_a_listed_origin_may(origin: str, host: str, scheme: str | None) -> None:
    assert origin_allowed(origin, host, LISTED, scheme)


@pytest.mark.parametrize(
    ("origin", "host", "scheme"),
    [
        ("http://chat.example", "chat.example", "https"),
        ("https://chat.example", "chat.example", "http"),
        ("http://chat.example", "chat.example:443", None),
        ("https://chat.example", "chat.example:80", None),
        ("https://chat.example:444", "chat.example", None),
        ("https://chat.example", "chat.example:444", None),
        ("https://chat.example.evil", "chat.example", None),
        ("http://listed.example", "other", None),
        ("https://listed.example.evil", "other", None),
        ("https://listed.example@evil", "other", None),
        ("null", "null", None),
        ("", "", None),
        ("x", "x", None),
        ("//host:8000", "host:8000", None),
        ("http://[", "[", None),
        ("http://host/", "host", None),
        ("http://host, http://host", "host", None),
        ("ftp://host", "host", None),
        ("http://host:²", "host:²", None),
        ("http://host", "host:http", None),
        ("http://höst", "höst", None),
    ],
)
def test_no_other_page_may(origin: str, host: str, scheme: str | None) -> None:
    assert not origin_allowed(origin, host, LISTED, scheme)


def test_a_star_lets_everybody_in_who_has_an_origin() -> None:
    for origin in ("https://anyone.example", "chrome-extension://abcdef", "capacitor://localhost"):
        assert origin_allowed(origin, "host", ["*"])
    for origin in ("null", "", "x", "https://a b", "https://a\x01", "https://ä"):
        assert not origin_allowed(origin, "host", ["*"])


def test_a_default_port_is_written_as_none() -> None:
    written = ("HTTPS://A:443", "http://a:0080", "http://a.:443", "https://[0:0::1]:8443")
    assert [str(parse_origin(one)) for one in written] == [
        "https://a", "http://a", "http://a:443", "https://[::1]:8443",
    ]  # fmt: skip


def test_a_host_has_a_name_and_perhaps_a_port() -> None:
    assert parse_host("Chat.Example.:80") == Host("chat.example", 80)
    assert parse_host("[::1]") == Host("[::1]", None)
    assert parse_host("127.0.0.1") == Host("127.0.0.1", None)


@pytest.mark.parametrize(
    "text",
    [
        "", ".", ":80", "a:", "a:0", "a:65536", "a:+1", "a:1:2", "a b", "a/b", "u@a", "*.a", "a..b", "-a", "a-",
        "1.2.3", "999.1.1.1",
        "a.1", "[::1", "[::1]80", "[fe80::1%25eth0]", "[1.2.3.4]", "::1", "ä.example", "a" * 64,
        ".".join(["a" * 60] * 5),
    ],
)  # fmt: skip
def test_what_is_no_host_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        parse_host(text)


@given(st.text(max_size=40), st.text(max_size=40))
def test_no_header_is_too_strange_to_be_judged(origin: str, host: str) -> None:
    assert origin_allowed(origin, host, ["https://a"]) in (True, False)
