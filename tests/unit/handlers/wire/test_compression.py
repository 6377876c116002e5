"""permessage-deflate (RFC 7692): which offers are taken, and that a message is compressed once for all."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers.wire.compression import RESPONSE, WORTH_BYTES, Deflater, inflate, negotiate
from handlers.wire.server_frames import ping_frame, text_frame
from tests.support.frames import deflated, server_frame


@pytest.mark.parametrize(
    "offer",
    [
        "permessage-deflate",
        "permessage-deflate; client_max_window_bits",
        "permessage-deflate; client_max_window_bits=12; server_no_context_takeover",
        "Permessage-Deflate; client_no_context_takeover",
        "x-webkit-deflate-frame, permessage-deflate",
        "permessage-deflate; server_max_window_bits=10, permessage-deflate",
    ],
)
def test_an_offer_that_can_be_met_is_taken_without_context_takeover(offer: str) -> None:
    assert negotiate(offer) == RESPONSE


@pytest.mark.parametrize(
    "offer",
    [
        "",
        "permessage-bzip2",
        "permessage-deflate; server_max_window_bits=10",
        "permessage-deflate; something_new",
        "permessage-deflate-not",
    ],
)
def test_an_offer_that_cannot_be_met_is_declined(offer: str) -> None:
    assert negotiate(offer) is None


@given(st.binary(max_size=5_000))
def test_what_was_deflated_inflates_to_the_same(payload: bytes) -> None:
    assert inflate(deflated(payload), 5_000) == payload


def test_a_message_at_its_limit_inflates_and_one_past_it_does_not() -> None:
    assert inflate(deflated(b"a" * 1000), 1000) == b"a" * 1000
    assert inflate(deflated(b"a" * 1001), 1000) is None


def test_what_is_no_deflate_stream_is_a_value_error() -> None:
    with pytest.raises(ValueError, match="invalid"):
        inflate(b"\xff\xff\xff", 1000)


def cut(frames: bytes) -> list[tuple[int, bytes]]:
    """A server's frames: first byte and payload."""
    found = []
    while frames:
        whole = server_frame(frames)
        assert whole is not None
        head, payload, frames = whole
        found.append((head, payload))
    return found


@given(
    st.lists(
        st.one_of(
            st.text(max_size=300).map(lambda text: (0x81, text.encode())),
            st.sampled_from((126, 65_535, 65_536, 70_000)).map(lambda size: (0x81, b"a" * size)),
            st.binary(max_size=125).map(lambda payload: (0x89, payload)),
        ),
        max_size=6,
    )
)
def test_a_run_of_frames_carries_the_same_messages_once_compressed(messages: list[tuple[int, bytes]]) -> None:
    run = b"".join(text_frame(payload) if head == 0x81 else ping_frame(payload) for head, payload in messages)
    found = cut(Deflater().frames(run))
    assert len(found) == len(messages)
    for (head, payload), (expected_head, expected) in zip(found, messages, strict=True):
        if head == 0xC1:
            assert len(expected) >= WORTH_BYTES
            assert inflate(payload, 100_000) == expected
        else:
            assert (head, payload) == (expected_head, expected)


def test_a_message_for_many_is_compressed_once() -> None:
    deflater = Deflater()
    run = text_frame(b"chat " * 100)
    first = deflater.frames(run)
    assert len(first) < len(run)
    assert all(deflater.frames(run) is first for _ in range(10))
