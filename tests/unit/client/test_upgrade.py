"""The upgrade: what is asked, and which replies are an answer to it."""

from __future__ import annotations

import pytest
from websockets.utils import accept_key

from client import upgrade

REPLY = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nsec-websocket-accept: {}\r\n\r\n"


def test_a_reply_to_another_key_is_no_answer() -> None:
    key = upgrade.new_key()
    assert upgrade.is_accepted(REPLY.format(accept_key(key)).encode(), key)
    assert not upgrade.is_accepted(REPLY.format(accept_key(upgrade.new_key())).encode(), key)
    assert not upgrade.is_accepted(b"HTTP/1.1 101 Switching Protocols\r\n\r\n", key)


@pytest.mark.parametrize(
    ("head", "status", "retry_after_s"),
    [
        (b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 5\r\n\r\n", 503, 5),
        (b"HTTP/1.1 429 \r\nX: 1\r\nRetry-After:  12 \r\n\r\n", 429, 12),
        (b"HTTP/1.1 503 Busy\r\nRetry-After: Wed, 21 Oct 2026 07:28:00 GMT\r\n\r\n", 503, None),
        (b"HTTP/1.1 101 x\r\n\r\n", 101, None),
        (b"SSH-2.0-OpenSSH\r\n\r\n", None, None),
    ],
)
def test_a_reply_says_its_status_and_when_to_come_again(
    head: bytes, status: int | None, retry_after_s: int | None
) -> None:
    assert upgrade.status_of(head) == status
    assert upgrade.retry_after_s(head) == retry_after_s


@pytest.mark.parametrize("wrong", ["a\r\nX: 1", "a\nb", "a\0"])
def test_a_line_break_makes_no_header(wrong: str) -> None:
    with pytest.raises(ValueError):
        upgrade.upgrade_request("localhost", "/ws", {"Authorization": wrong}, key=upgrade.new_key())
    with pytest.raises(ValueError):
        upgrade.upgrade_request("localhost", f"/ws?{wrong}", {}, key=upgrade.new_key())
