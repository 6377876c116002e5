"""permessage-deflate (RFC 7692): which offers are taken, and that a message is compressed once for all."""

from __future__ import annotations

import random
import zlib
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers.wire import compression
from handlers.wire.compression import (
    RECENT_MAX_BYTES,
    RECENT_TEXT_MAX_BYTES,
    RESPONSE,
    WORTH_BYTES,
    Deflater,
    inflate,
    negotiate,
)
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


@pytest.fixture
def compressed(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """One entry for each run of zlib."""
    runs: list[int] = []

    def counted(*, wbits: int) -> Any:
        runs.append(wbits)
        return zlib.compressobj(wbits=wbits)

    monkeypatch.setattr(compression, "zlib", SimpleNamespace(compressobj=counted, MAX_WBITS=15, Z_SYNC_FLUSH=2))
    return runs


def long_text(name: str) -> bytes:
    return text_frame(name.encode() * WORTH_BYTES)


def test_a_message_for_many_is_compressed_once(compressed: list[int]) -> None:
    deflater = Deflater()
    run = long_text("chat ")
    first = deflater.frames(run)
    assert len(first) < len(run)
    assert all(deflater.frames(run) is first for _ in range(10))
    assert len(compressed) == 1


def test_a_message_behind_its_authors_ack_is_not_compressed_again(compressed: list[int]) -> None:
    deflater = Deflater()
    acks = [long_text(f"ack {number} ") for number in range(3)]
    group = long_text("one ") + long_text("two ") + long_text("three ")
    for_all = deflater.frames(group)
    assert [deflater.frames(ack + group) for ack in acks] == [Deflater().frames(ack) + for_all for ack in acks]
    assert deflater.frames(group) == for_all
    del compressed[:]
    deflater = Deflater()
    for ack in acks:
        deflater.frames(group)
        deflater.frames(ack + group)
    assert len(compressed) == 6, "three acks and three messages"


def test_slices_of_two_large_rooms_that_take_turns_compress_each_message_once(compressed: list[int]) -> None:
    deflater = Deflater()
    groups = [long_text("tea "), long_text("coffee ")]
    sent = [deflater.frames(group) for _ in range(20) for group in groups for _ in range(500)]
    assert len(set(sent)) == 2
    assert len(compressed) == 2


def test_what_is_kept_of_compressed_messages_is_bounded(compressed: list[int]) -> None:
    deflater = Deflater()
    messages = [text_frame(random.Random(number).randbytes(30_000).hex().encode()) for number in range(8)]
    for message in messages:
        deflater.frames(message)
    assert deflater.kept_bytes <= RECENT_MAX_BYTES
    deflater.frames(messages[-2])
    assert len(compressed) == 8
    deflater.frames(messages[0])
    assert len(compressed) == 9, "the oldest are forgotten"
    huge = text_frame(b"x" * (RECENT_TEXT_MAX_BYTES + 1))
    for _ in range(2):
        deflater.frames(huge)
        deflater.frames(messages[-1])
    assert len(compressed) == 11, "an answer to one connection is not kept, and displaces nothing"
