"""Frames agree with those of `websockets`, cut wherever the network cuts them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.frames import Frame, Opcode
from websockets.streams import StreamReader

from client import frames


def served(payload: bytes, opcode: Opcode = Opcode.TEXT) -> bytes:
    return Frame(opcode, payload).serialize(mask=False)


def parsed(data: bytes) -> Frame:
    """What `websockets`, as a server, reads."""
    reader = StreamReader()
    reader.feed_data(data)
    parsing = Frame.parse(reader.read_exact, mask=True)
    with pytest.raises(StopIteration) as ended:
        next(parsing)
    frame: Frame = ended.value.value
    return frame


@pytest.mark.parametrize("size", [0, 1, 125, 126, 65535, 65536])
def test_what_is_sent_is_a_masked_text_frame(size: int) -> None:
    payload = b"ab" * (size // 2) + b"c" * (size % 2)
    assert parsed(frames.client_frame(frames.TEXT, payload)) == Frame(Opcode.TEXT, payload)


@given(payload=st.binary(max_size=300), mask=st.binary(min_size=4, max_size=4))
def test_any_payload_is_masked_by_any_mask(payload: bytes, mask: bytes) -> None:
    data = frames.client_frame(frames.PING, payload, mask=mask)
    assert data == client_frame_by_hand(payload, mask)
    if len(payload) <= 125:
        assert parsed(data) == Frame(Opcode.PING, payload)


def client_frame_by_hand(payload: bytes, mask: bytes) -> bytes:
    size = bytes((0x80 | len(payload),)) if len(payload) < 126 else b"\xfe" + len(payload).to_bytes(2, "big")
    return b"\x89" + size + mask + bytes(byte ^ mask[at % 4] for at, byte in enumerate(payload))


def test_each_frame_has_a_mask_of_its_own() -> None:
    assert len({frames.client_frame(frames.TEXT, b"the same")[2:6] for _ in range(20)}) > 10


@given(payloads=st.lists(st.binary(max_size=300), max_size=5), at=st.integers(min_value=0))
def test_frames_come_out_whole_wherever_they_were_cut(payloads: list[bytes], at: int) -> None:
    stream = b"".join(served(payload) for payload in payloads)
    at %= len(stream) + 1
    first, rest = frames.split_frames(stream[:at])
    second, rest = frames.split_frames(rest + stream[at:])
    assert first + second == [(frames.FINAL_TEXT, payload) for payload in payloads]
    assert rest == b""


def test_a_long_frame_and_control_frames_are_read() -> None:
    stream = served(b"x" * 70_000) + served(b"p", Opcode.PING) + served(b"\x03\xe8", Opcode.CLOSE)
    whole, rest = frames.split_frames(stream)
    assert [(first, len(payload)) for first, payload in whole] == [(0x81, 70_000), (0x89, 1), (0x88, 2)]
    assert rest == b""


@pytest.mark.parametrize(
    ("wrong", "code"),
    [(b"\x81\x81abcdx", 1002), (b"\xc1\x01a", 1002), (b"\x81\x7e\x01\x00", 1009)],
    ids=["masked", "reserved", "too large"],
)
def test_what_a_server_must_not_send_is_refused(wrong: bytes, code: int) -> None:
    with pytest.raises(frames.FrameError) as refused:
        frames.split_frames(wrong, max_bytes=255)
    assert refused.value.code == code


def test_a_reason_is_cut_to_what_fits_and_stays_text() -> None:
    payload = frames.close_payload(1000, "é" * 100)
    assert len(payload) <= 125
    assert payload[2:].decode() == "é" * 61
