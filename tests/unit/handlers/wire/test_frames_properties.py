"""Frames cut at any byte, and any bytes at all, against `websockets`' sans-I/O server as the oracle."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from hypothesis import assume, given
from hypothesis import strategies as st
from websockets.client import ClientProtocol
from websockets.exceptions import PayloadTooBig, ProtocolError
from websockets.frames import Close, Frame, Opcode
from websockets.protocol import State
from websockets.server import ServerProtocol
from websockets.uri import parse_uri

from handlers.wire.frame_parser import FrameParser, Incoming
from handlers.wire.server_frames import FrameKind, close_frame, text_frame
from tests.support.frames import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, client_frame, close_payload

LIMIT = 2_000

masks = st.binary(min_size=4, max_size=4)
controls = st.builds(
    lambda opcode, payload, mask: client_frame(opcode, payload, mask=mask),
    st.sampled_from((PING, PONG)),
    st.binary(max_size=125),
    masks,
)


@st.composite
def messages(draw: st.DrawFn, most_controls: int = 1) -> bytes:
    """A message in fragments, with control frames between them."""
    is_text = draw(st.booleans())
    payload = draw(st.text(max_size=200)).encode() if is_text else draw(st.binary(max_size=400))
    cuts = sorted(draw(st.lists(st.integers(0, len(payload)), max_size=4)))
    parts = [payload[start:end] for start, end in zip([0, *cuts], [*cuts, len(payload)], strict=True)]
    frames = []
    for index, part in enumerate(parts):
        opcode = (TEXT if is_text else BINARY) if index == 0 else CONTINUATION
        frames.append(client_frame(opcode, part, final=index == len(parts) - 1, mask=draw(masks)))
        frames.extend(draw(st.lists(controls, max_size=most_controls)))
    return b"".join(frames)


@st.composite
def closes(draw: st.DrawFn) -> bytes:
    code = draw(st.sampled_from((1000, 1001, 3000, 4999, 1005, 999)))
    reason = draw(st.text(max_size=30)).encode()
    return client_frame(CLOSE, draw(st.sampled_from((b"", close_payload(code, reason)))))


any_frame = st.builds(
    client_frame,
    st.integers(0, 15),
    st.binary(max_size=140),
    final=st.booleans(),
    reserved=st.sampled_from((0, 0, 0, 0, 1, 2, 4)),
    mask=st.one_of(st.none(), masks, masks, masks),
)
valid_streams = st.tuples(st.lists(messages(), max_size=3).map(b"".join), st.one_of(closes(), st.just(b""))).map(
    b"".join
)
frame_streams = st.lists(st.one_of(messages(), any_frame), max_size=5).map(b"".join)
byte_streams = st.one_of(valid_streams, frame_streams, st.binary(max_size=300))


def ours(data: bytes, cuts: Iterable[int] = (), *, limit: int = LIMIT) -> list[Incoming]:
    """What our reader makes of it, cut into pieces, up to a close: after that the link reads no more."""
    reader = FrameParser(max_message_bytes=limit)
    places = sorted({cut % (len(data) + 1) for cut in cuts})
    found: list[Incoming] = []
    for start, end in zip([0, *places], [*places, len(data)], strict=True):
        found.extend(reader.feed(data[start:end]))
    kinds = [item.kind for item in found]
    return found[: kinds.index(FrameKind.CLOSE) + 1] if FrameKind.CLOSE in kinds else found


@dataclass
class Verdict:
    """What `websockets` makes of it: messages and control frames by name, and how it failed."""

    read: list[tuple[str, bytes]]
    code: int | None
    why: str


CODES = {ProtocolError: 1002, PayloadTooBig: 1009, UnicodeDecodeError: 1007}


def theirs(data: bytes, *, limit: int = LIMIT) -> Verdict:
    oracle = ServerProtocol(state=State.OPEN, max_size=limit)
    oracle.receive_data(data)
    read: list[tuple[str, bytes]] = []
    kind, parts = "", list[bytes]()
    for frame in oracle.events_received():
        assert isinstance(frame, Frame)
        payload = bytes(frame.data)
        if frame.opcode >= Opcode.CLOSE:
            read.append((frame.opcode.name, payload))
            continue
        if frame.opcode is not Opcode.CONT:
            kind, parts = frame.opcode.name, []
        parts.append(payload)
        if frame.fin:
            read.append((kind, b"".join(parts)))
    error = oracle.parser_exc
    return Verdict(read, None if error is None else CODES[type(error)], str(error))


def named(items: list[Incoming]) -> list[tuple[str, bytes]]:
    return [
        (item.kind.name, (b"" if item.code == 1005 else item.code.to_bytes(2, "big")) + item.payload)
        if item.kind is FrameKind.CLOSE
        else (item.kind.name, item.payload)
        for item in items
        if item.kind is not FrameKind.FAILURE
    ]


def failure_of(items: list[Incoming]) -> Incoming | None:
    return items[-1] if items and items[-1].kind is FrameKind.FAILURE else None


@given(byte_streams, st.lists(st.integers(0, 10_000), max_size=12))
def test_where_it_is_cut_never_changes_what_is_read(data: bytes, cuts: list[int]) -> None:
    assert ours(data, cuts) == ours(data)


@given(byte_streams, st.lists(st.integers(0, 10_000), max_size=12), st.integers(1, 5))
def test_how_many_frames_are_read_at_a_time_never_changes_what_is_read(data: bytes, cuts: list[int], most: int) -> None:
    reader = FrameParser(max_message_bytes=LIMIT)
    places = sorted({cut % (len(data) + 1) for cut in cuts})
    found: list[Incoming] = []
    frames = 0
    for start, end in zip([0, *places], [*places, len(data)], strict=True):
        items = reader.feed(data[start:end], most)
        while True:
            assert len(items) <= reader.frames <= most
            frames += reader.frames
            found.extend(items)
            if not reader.is_held:
                break
            items = reader.resume(most)
    kinds = [item.kind for item in found]
    assert (found[: kinds.index(FrameKind.CLOSE) + 1] if FrameKind.CLOSE in kinds else found) == ours(data)
    whole = FrameParser(max_message_bytes=LIMIT)
    whole.feed(data)
    assert frames == whole.frames, "fragments count, too"


@given(byte_streams)
def test_frames_cut_at_every_byte_are_read_as_if_whole(data: bytes) -> None:
    assert ours(data, range(len(data))) == ours(data)


@given(valid_streams)
def test_valid_frames_are_read_as_the_library_reads_them(data: bytes) -> None:
    expected = theirs(data)
    assert named(ours(data)) == expected.read
    assert expected.code == (failure.code if (failure := failure_of(ours(data))) else None)


# Without control frames, to which the library applies the limit of messages.
@given(st.lists(messages(most_controls=0), max_size=3).map(b"".join), st.integers(0, 500))
def test_a_message_is_too_big_where_it_is_so_for_the_library(data: bytes, limit: int) -> None:
    expected = theirs(data, limit=limit)
    found = ours(data, limit=limit)
    assert named(found) == expected.read
    assert expected.code == (failure.code if (failure := failure_of(found)) else None)


# Where we are stricter: the library leaves a message's UTF-8 to its caller, and reads lengths that are not minimal
# (5.2).
STRICTER = (b"invalid UTF-8", b"length not minimal")


@given(frame_streams)
def test_whole_frames_are_refused_where_the_library_refuses_them_with_the_same_code(data: bytes) -> None:
    expected = theirs(data)
    assume(expected.why != "incomplete fragmented message")  # it forbids a close between fragments, which 5.4 allows
    found = ours(data)
    failure = failure_of(found)
    if failure is not None and failure.payload in STRICTER:
        assert named(found) == expected.read[: len(named(found))]
    else:
        assert named(found) == expected.read
        code = failure.code if failure else None
        # A close may be wrong twice, by its code and by its reason's UTF-8: the library looks at the reason first.
        assert code == expected.code or (failure is not None and failure.payload == b"invalid close code")


@given(st.binary(max_size=300))
def test_of_any_bytes_nothing_is_read_that_the_library_would_not_read(data: bytes) -> None:
    read = named(ours(data))
    assert read == theirs(data).read[: len(read)]


@given(st.one_of(st.binary(max_size=300), st.sampled_from((65_535, 65_536, 100_000)).map(bytes)))
def test_the_library_reads_our_frames(payload: bytes) -> None:
    client = ClientProtocol(parse_uri("ws://localhost/"), state=State.OPEN, max_size=None)
    client.receive_data(text_frame(payload) + close_frame(1012, "restart"))
    first, last = client.events_received()
    assert isinstance(first, Frame)
    assert (first.opcode, bytes(first.data)) == (Opcode.TEXT, payload)
    assert isinstance(last, Frame)
    assert Close.parse(bytes(last.data)) == Close(1012, "restart")


single_frames = st.one_of(
    st.builds(client_frame, st.just(TEXT), st.text(max_size=90).map(str.encode), mask=masks),
    st.builds(client_frame, st.just(TEXT), st.binary(max_size=LIMIT + 10), mask=masks),
    any_frame,
    st.binary(max_size=300),
)


@given(first=st.one_of(st.just(b""), frame_streams), data=single_frames)
def test_a_whole_text_that_is_taken_at_once_is_the_one_that_the_parser_would_cut(first: bytes, data: bytes) -> None:
    one, other = (FrameParser(max_message_bytes=LIMIT) for _ in range(2))
    one.feed(first)
    other.feed(first)
    text = one.whole_text(data)
    if text is None:
        assert one.feed(data) == other.feed(data), "nothing was taken"
    else:
        assert (other.feed(data), other.frames) == ([Incoming(FrameKind.TEXT, text)], one.frames)


@given(text=st.text(max_size=500).map(str.encode), mask=masks)
def test_a_text_that_arrives_as_one_whole_frame_is_taken_at_once(text: bytes, mask: bytes) -> None:
    assert FrameParser(max_message_bytes=LIMIT).whole_text(client_frame(TEXT, text, mask=mask)) == text
