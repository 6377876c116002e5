"""The load client's frames agree with those of `websockets`, cut wherever the network cuts them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.frames import Frame, Opcode
from websockets.streams import StreamReader

from bench.client import frames
from bench.errors import BenchError


def served(payload: bytes, opcode: Opcode = Opcode.TEXT) -> bytes:
    return Frame(opcode, payload).serialize(mask=False)


@pytest.mark.parametrize("size", [0, 1, 125, 126, 65535, 65536])
def test_what_is_sent_is_a_masked_text_frame(size: int) -> None:
    payload = b"ab" * (size // 2) + b"c" * (size % 2)
    reader = StreamReader()
    reader.feed_data(frames.client_frame(frames.TEXT, payload))
    parsing = Frame.parse(reader.read_exact, mask=True)
    with pytest.raises(StopIteration) as parsed:
        next(parsing)
    assert parsed.value.value == Frame(Opcode.TEXT, payload)


@given(payloads=st.lists(st.binary(max_size=300), max_size=5), at=st.integers(min_value=0))
def test_frames_come_out_whole_wherever_they_were_cut(payloads: list[bytes], at: int) -> None:
    stream = b"".join(served(payload) for payload in payloads)
    at %= len(stream) + 1
    first, rest = frames.split_frames(stream[:at])
    second, rest = frames.split_frames(rest + stream[at:])
    assert first + second == [(frames.TEXT, payload) for payload in payloads]
    assert rest == b""


def test_a_long_frame_and_control_frames_are_read() -> None:
    stream = served(b"x" * 70_000) + served(b"p", Opcode.PING) + served(b"\x03\xe8", Opcode.CLOSE)
    whole, rest = frames.split_frames(stream)
    assert [(opcode, len(payload)) for opcode, payload in whole] == [(1, 70_000), (9, 1), (8, 2)]
    assert rest == b""


@pytest.mark.parametrize(
    "wrong", [b"\x81\x81abcdx", b"\x01\x01a", b"\xc1\x01a"], ids=["masked", "fragment", "reserved"]
)
def test_what_a_server_must_not_send_is_refused(wrong: bytes) -> None:
    with pytest.raises(BenchError):
        frames.split_frames(wrong)
