"""Messages and control frames out of bytes, as RFC 6455 lets a server send them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.frames import Frame, Opcode

from client.frames import CLOSE, PING, PONG, TEXT, FrameError
from client.message_reader import MAX_FRAGMENTS, Incoming, MessageReader

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)


def served(payload: bytes, opcode: Opcode = Opcode.TEXT, *, final: bool = True) -> bytes:
    return Frame(opcode, payload, fin=final).serialize(mask=False)


def fragmented(payload: bytes, cuts: list[int]) -> bytes:
    """A message in fragments, with a ping before each but the first."""
    places = sorted({cut % (len(payload) + 1) for cut in cuts})
    pieces = [payload[start:end] for start, end in zip([0, *places], [*places, len(payload)], strict=True)]
    data = b""
    for number, piece in enumerate(pieces):
        opcode = Opcode.CONT if number else Opcode.TEXT
        data += served(b"?", Opcode.PING) if number else b""
        data += served(piece, opcode, final=number == len(pieces) - 1)
    return data


@given(texts=st.lists(TEXTS, max_size=4), cuts=st.lists(st.integers(0, 200), max_size=3), at=st.integers(0, 2000))
def test_texts_come_out_whole_however_they_were_fragmented_and_cut(texts: list[str], cuts: list[int], at: int) -> None:
    stream = b"".join(fragmented(text.encode(), cuts) for text in texts)
    reader = MessageReader(max_bytes=10_000)
    at %= len(stream) + 1
    found = reader.receive(stream[:at]) + reader.receive(stream[at:])
    assert [one.text for one in found if one.opcode == TEXT] == texts
    assert {one.payload for one in found if one.opcode == PING} <= {b"?"}


@given(data=st.binary(max_size=60))
def test_any_bytes_are_messages_or_a_frame_error(data: bytes) -> None:
    try:
        MessageReader(max_bytes=1000).receive(data)
    except FrameError as error:
        assert error.code in (1002, 1003, 1007, 1009)


def test_control_frames_and_a_close_are_read_and_nothing_after_it() -> None:
    stream = served(b"p", Opcode.PONG) + served(b"\x11\x2bslow", Opcode.CLOSE) + served(b"late")
    assert MessageReader(max_bytes=99).receive(stream) == [
        Incoming(PONG, payload=b"p"),
        Incoming(CLOSE, text="slow", code=4395),
    ]
    assert MessageReader(max_bytes=99).receive(served(b"", Opcode.CLOSE)) == [Incoming(CLOSE, code=1005)]


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (served(b"x", Opcode.BINARY), 1003),
        (served(b"\xff"), 1007),
        (served(b"\xc3", final=False) + served(b"\x28", Opcode.CONT), 1007),
        (served(b"x", Opcode.CONT), 1002),
        (served(b"x", final=False) + served(b"y"), 1002),
        (b"\x83\x00", 1002),
        (b"\x8b\x00", 1002),
        (b"\x09\x00", 1002),
        (b"\x89\x7e\x00\x7e" + b"x" * 126, 1002),
        (served(b"\x03", Opcode.CLOSE), 1002),
        (served((1005).to_bytes(2, "big"), Opcode.CLOSE), 1002),
        (served((1000).to_bytes(2, "big") + b"\xff", Opcode.CLOSE), 1007),
        (served(b"x" * 600, final=False) + served(b"x" * 600, Opcode.CONT), 1009),
        (served(b"x" * 1001), 1009),
        (served(b"", final=False) + served(b"", Opcode.CONT, final=False) * MAX_FRAGMENTS, 1009),
    ],
)
def test_what_no_server_may_send_is_refused_with_its_code(data: bytes, code: int) -> None:
    with pytest.raises(FrameError) as refused:
        MessageReader(max_bytes=1000).receive(data)
    assert refused.value.code == code
