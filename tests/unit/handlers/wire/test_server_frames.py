"""RFC 6455 as a table: what a server must read, and what it must refuse and how, by section."""

from __future__ import annotations

import random
import tracemalloc

import pytest

from handlers.wire.compression import inflate
from handlers.wire.frame_parser import MAX_FRAGMENTS, FrameParser, Incoming
from handlers.wire.server_frames import FrameKind, close_frame, ping_frame, pong_frame, text_frame
from tests.support.frames import BINARY, CLOSE, CONTINUATION, MASK, PING, PONG, TEXT, client_frame, close_payload

LIMIT = 70_000
EURO = "€".encode()
EMOJI = "😀".encode()


def text(payload: bytes) -> Incoming:
    return Incoming(FrameKind.TEXT, payload)


def binary(payload: bytes) -> Incoming:
    return Incoming(FrameKind.BINARY, payload)


def ping(payload: bytes) -> Incoming:
    return Incoming(FrameKind.PING, payload)


def pong(payload: bytes) -> Incoming:
    return Incoming(FrameKind.PONG, payload)


def closed(code: int, reason: bytes = b"") -> Incoming:
    return Incoming(FrameKind.CLOSE, reason, code)


READ = {
    "5.7 a masked Hello": (b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58", [text(b"Hello")]),
    "5.2 an empty text": (client_frame(TEXT), [text(b"")]),
    "5.2 an empty binary": (client_frame(BINARY), [binary(b"")]),
    "5.2 125 bytes, the most of the short form": (client_frame(TEXT, b"a" * 125), [text(b"a" * 125)]),
    "5.2 126 bytes, the least of the 16-bit form": (client_frame(TEXT, b"a" * 126), [text(b"a" * 126)]),
    "5.2 65,535 bytes, the most of the 16-bit form": (client_frame(TEXT, b"a" * 65_535), [text(b"a" * 65_535)]),
    "5.2 65,536 bytes, the least of the 64-bit form": (
        client_frame(BINARY, b"\xff" * 65_536),
        [binary(b"\xff" * 65_536)],
    ),
    "5.3 a mask of zeros": (client_frame(TEXT, b"plain", mask=b"\0\0\0\0"), [text(b"plain")]),
    "5.3 a mask of ones": (client_frame(TEXT, b"inverted", mask=b"\xff\xff\xff\xff"), [text(b"inverted")]),
    "5.4 two fragments": (
        client_frame(TEXT, b"Hel", final=False) + client_frame(CONTINUATION, b"lo"),
        [text(b"Hello")],
    ),
    "5.4 fragments that are empty": (
        client_frame(TEXT, final=False) + client_frame(CONTINUATION, final=False) + client_frame(CONTINUATION),
        [text(b"")],
    ),
    "5.4 a binary in three fragments": (
        client_frame(BINARY, b"\x00", final=False)
        + client_frame(CONTINUATION, b"\xff", final=False)
        + client_frame(CONTINUATION, b"\xfe"),
        [binary(b"\x00\xff\xfe")],
    ),
    "5.4 a ping between fragments comes first": (
        client_frame(TEXT, b"Hel", final=False) + client_frame(PING, b"now") + client_frame(CONTINUATION, b"lo"),
        [ping(b"now"), text(b"Hello")],
    ),
    "5.4 a close between fragments ends it": (
        client_frame(TEXT, b"Hel", final=False) + client_frame(CLOSE, close_payload(1000)),
        [closed(1000)],
    ),
    "5.4 a message after a fragmented one": (
        client_frame(TEXT, b"a", final=False) + client_frame(CONTINUATION, b"b") + client_frame(TEXT, b"c"),
        [text(b"ab"), text(b"c")],
    ),
    "5.5 a control frame of 125 bytes": (client_frame(PING, b"x" * 125), [ping(b"x" * 125)]),
    "5.5.1 a close without a code": (client_frame(CLOSE), [closed(1005)]),
    "5.5.1 a close with a code and a reason": (
        client_frame(CLOSE, close_payload(1001, "tschüß".encode())),
        [closed(1001, "tschüß".encode())],
    ),
    "5.5.1 a close with the longest reason": (
        client_frame(CLOSE, close_payload(3000, b"r" * 123)),
        [closed(3000, b"r" * 123)],
    ),
    "5.5.2 an empty ping": (client_frame(PING), [ping(b"")]),
    "5.5.2 a ping with any bytes": (client_frame(PING, b"\xff\x00"), [ping(b"\xff\x00")]),
    "5.5.3 a pong that nobody asked for": (client_frame(PONG, b"hm"), [pong(b"hm")]),
    "5.6 text of several bytes a character": (client_frame(TEXT, EURO + EMOJI), [text(EURO + EMOJI)]),
    "5.6 binary that is no UTF-8": (client_frame(BINARY, b"\xff\xfe"), [binary(b"\xff\xfe")]),
    "8.1 a NUL and a byte order mark": (client_frame(TEXT, b"\0\xef\xbb\xbf"), [text(b"\0\xef\xbb\xbf")]),
    "8.1 a non-character, which is valid UTF-8": (client_frame(TEXT, "￿".encode()), [text("￿".encode())]),
    "8.1 the greatest code point": (client_frame(TEXT, b"\xf4\x8f\xbf\xbf"), [text(b"\xf4\x8f\xbf\xbf")]),
    "8.1 a character cut between fragments": (
        client_frame(TEXT, EMOJI[:1], final=False)
        + client_frame(CONTINUATION, EMOJI[1:3], final=False)
        + client_frame(PING)
        + client_frame(CONTINUATION, EMOJI[3:]),
        [ping(b""), text(EMOJI)],
    ),
    "many frames in one write": (
        client_frame(TEXT, b"1") + client_frame(BINARY, b"2") + client_frame(PING, b"3") + client_frame(TEXT, b"4"),
        [text(b"1"), binary(b"2"), ping(b"3"), text(b"4")],
    ),
    "10.4 exactly the limit": (client_frame(TEXT, b"a" * LIMIT), [text(b"a" * LIMIT)]),
    "10.4 exactly the limit, in fragments": (
        client_frame(TEXT, b"a" * (LIMIT - 1), final=False) + client_frame(CONTINUATION, b"b"),
        [text(b"a" * (LIMIT - 1) + b"b")],
    ),
}

REFUSED = {
    "5.1 an unmasked text": (client_frame(TEXT, b"Hello", mask=None), 1002),
    "5.1 an unmasked close": (client_frame(CLOSE, close_payload(1000), mask=None), 1002),
    "5.2 RSV1 with no extension": (client_frame(TEXT, b"x", reserved=4), 1002),
    "5.2 RSV2": (client_frame(TEXT, b"x", reserved=2), 1002),
    "5.2 RSV3": (client_frame(BINARY, b"x", reserved=1), 1002),
    "5.2 RSV1 on a ping": (client_frame(PING, reserved=4), 1002),
    "5.2 RSV1 on a continuation": (
        client_frame(TEXT, b"x", final=False) + client_frame(CONTINUATION, b"y", reserved=4),
        1002,
    ),
    **{f"5.2 reserved opcode {opcode}": (client_frame(opcode), 1002) for opcode in (3, 4, 5, 6, 7, 11, 12, 13, 14, 15)},
    "5.2 a reserved opcode in fragments": (client_frame(3, b"x", final=False), 1002),
    "5.2 a length of 125 in 16 bits": (client_frame(TEXT, b"a" * 125, length_bytes=2), 1002),
    "5.2 a length of 0 in 16 bits": (client_frame(TEXT, length_bytes=2), 1002),
    "5.2 a length of 65,535 in 64 bits": (client_frame(TEXT, b"a" * 65_535, length_bytes=8), 1002),
    "5.2 a length with the top bit": (b"\x81\xff\x80" + b"\0" * 7 + MASK, 1002),
    "5.4 a continuation of nothing": (client_frame(CONTINUATION, b"x"), 1002),
    "5.4 an unfinished continuation of nothing": (client_frame(CONTINUATION, b"x", final=False), 1002),
    "5.4 a continuation after the message ended": (
        client_frame(TEXT, b"a", final=False) + client_frame(CONTINUATION, b"b") + client_frame(CONTINUATION, b"c"),
        1002,
    ),
    "5.4 a text within a message": (client_frame(TEXT, b"a", final=False) + client_frame(TEXT, b"b"), 1002),
    "5.4 a binary within a message": (client_frame(TEXT, b"a", final=False) + client_frame(BINARY, b"b"), 1002),
    "5.5 a fragmented ping": (client_frame(PING, b"x", final=False), 1002),
    "5.5 a fragmented close": (client_frame(CLOSE, final=False), 1002),
    "5.5 a ping of 126 bytes": (client_frame(PING, b"x" * 126), 1002),
    "5.5 a close of 126 bytes": (client_frame(CLOSE, close_payload(1000, b"r" * 124)), 1002),
    "5.5.1 a close of one byte": (client_frame(CLOSE, b"\x03"), 1002),
    "5.5.1 a reason that is no UTF-8": (client_frame(CLOSE, close_payload(1000, b"\xff")), 1007),
    **{
        f"7.4 close code {code}": (client_frame(CLOSE, close_payload(code)), 1002)
        for code in (0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65_535)
    },
    "8.1 a lone continuation byte": (client_frame(TEXT, b"\x80"), 1007),
    "8.1 a byte that never occurs": (client_frame(TEXT, b"ok \xff"), 1007),
    "8.1 an overlong slash": (client_frame(TEXT, b"\xc0\xaf"), 1007),
    "8.1 a surrogate": (client_frame(TEXT, b"\xed\xa0\x80"), 1007),
    "8.1 past the greatest code point": (client_frame(TEXT, b"\xf4\x90\x80\x80"), 1007),
    "8.1 a character that does not end": (client_frame(TEXT, EURO[:2]), 1007),
    "8.1 a character that does not end with the last fragment": (
        client_frame(TEXT, b"a", final=False) + client_frame(CONTINUATION, EURO[:2]),
        1007,
    ),
    "10.4 over the limit": (client_frame(TEXT, b"a" * (LIMIT + 1)), 1009),
    "10.4 over the limit, by the last fragment": (
        client_frame(TEXT, b"a" * LIMIT, final=False) + client_frame(CONTINUATION, b"b"),
        1009,
    ),
}

ACCEPTED_CLOSE_CODES = (1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999)


def reader() -> FrameParser:
    return FrameParser(max_message_bytes=LIMIT)


@pytest.mark.parametrize(("data", "expected"), READ.values(), ids=READ)
def test_what_the_rfc_allows_is_read(data: bytes, expected: list[Incoming]) -> None:
    assert reader().feed(data) == expected


@pytest.mark.parametrize(("data", "code"), REFUSED.values(), ids=REFUSED)
def test_what_the_rfc_forbids_is_a_failure_with_its_code(data: bytes, code: int) -> None:
    last = reader().feed(data)[-1]
    assert (last.kind, last.code) == (FrameKind.FAILURE, code)
    assert last.payload, "it says why"
    last.payload.decode()


@pytest.mark.parametrize(
    "data",
    [data for data, _ in READ.values() if len(data) < 1000]
    + [data for data, _ in REFUSED.values() if len(data) < 1000],
)
def test_where_the_bytes_are_cut_makes_no_difference(data: bytes) -> None:
    whole = reader().feed(data)
    one = reader()
    assert [item for index in range(len(data)) for item in one.feed(data[index : index + 1])] == whole


@pytest.mark.parametrize("code", ACCEPTED_CLOSE_CODES)
def test_a_close_code_that_a_frame_may_carry_is_read(code: int) -> None:
    assert reader().feed(client_frame(CLOSE, close_payload(code))) == [closed(code)]


def test_what_came_before_a_failure_is_delivered_and_nothing_after_it() -> None:
    one = reader()
    found = one.feed(client_frame(TEXT, b"good") + client_frame(3) + client_frame(TEXT, b"never"))
    assert [item.kind for item in found] == [FrameKind.TEXT, FrameKind.FAILURE]
    assert one.feed(client_frame(TEXT, b"never")) == []


def test_text_fails_at_the_first_bad_byte_not_at_the_end_of_the_message() -> None:
    one = reader()
    assert one.feed(client_frame(TEXT, b"\xce\xba", final=False)) == []
    assert one.feed(client_frame(CONTINUATION, b"\xf4\x90", final=False))[0].code == 1007


@pytest.mark.parametrize(
    "header",
    [
        b"\x81\xfe" + (LIMIT - 1).to_bytes(4, "big")[2:],
        b"\x81\xff" + (LIMIT + 1).to_bytes(8, "big"),
        b"\x81\xff\x7f" + b"\xff" * 7,
    ],
)
def test_a_message_is_refused_by_its_header_before_its_bytes_come(header: bytes) -> None:
    limit = 1000
    one = FrameParser(max_message_bytes=limit)
    found = one.feed(header)
    assert [(item.kind, item.code) for item in found] == [(FrameKind.FAILURE, 1009)]


def test_fragments_without_bytes_are_bounded_too() -> None:
    one = reader()
    one.feed(client_frame(TEXT, final=False))
    empty = client_frame(CONTINUATION, final=False)
    assert one.feed(empty * (MAX_FRAGMENTS - 1)) == []
    assert [item.code for item in one.feed(empty)] == [1009]


def test_an_idle_reader_keeps_nothing_of_what_it_has_read() -> None:
    readers = [reader() for _ in range(1000)]
    frame = client_frame(TEXT, b"x" * 1000)
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        for one in readers:
            one.feed(frame)
        grown = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    assert grown < 100 * len(readers), grown


def test_frames_that_wait_are_not_copied_for_each_turn() -> None:
    """64 KB of empty pings are 10,922 frames: read eight at a time, with a copy of the rest each time, they would be 45
    MB.
    """
    pings = client_frame(PING) * 10_000
    one = reader()
    one.feed(pings, 8)
    held = 0
    tracemalloc.start()
    try:
        while one.is_held:
            tracemalloc.reset_peak()
            before = tracemalloc.get_traced_memory()[0]
            one.resume(8)
            held = max(held, tracemalloc.get_traced_memory()[1] - before)
    finally:
        tracemalloc.stop()
    assert held < 10_000, held


@pytest.mark.parametrize("size", [0, 1, 125, 126, 60_000, 65_536])
def test_a_close_is_seen_behind_frames_that_wait_and_they_are_read_all_the_same(size: int) -> None:
    waiting = client_frame(PING, b"p") + client_frame(TEXT, b"x" * size) * 3
    bye = client_frame(CLOSE, close_payload(1001, b"bye"))
    for last, code in (
        (bye, 1001),
        (client_frame(CLOSE), 1005),
        (bye + client_frame(TEXT, b"more"), 1001),
        (bye[:-1], None),
        (b"", None),
    ):
        one = FrameParser(max_message_bytes=100_000)
        assert len(one.feed(client_frame(TEXT, b"first") + waiting + last, 1)) == 1
        assert one.is_held
        assert one.close_ahead() == code
        assert [item.kind for item in one.resume()][:5] == [
            FrameKind.PING,
            *[FrameKind.TEXT] * 3,
            *[FrameKind.CLOSE] * (code is not None),
        ]


def test_a_look_for_a_close_takes_any_bytes() -> None:
    dice = random.Random(7)
    for size in range(300):
        one = FrameParser(max_message_bytes=100)
        one.feed(client_frame(PING) + dice.randbytes(size), 1)
        one.close_ahead()
    assert FrameParser(max_message_bytes=100).close_ahead() is None


def test_a_large_message_in_many_pieces_is_not_copied_for_each() -> None:
    whole = client_frame(BINARY, bytes(8_000_000))
    one = FrameParser(max_message_bytes=8_000_000)
    pieces = [whole[at : at + 65_536] for at in range(0, len(whole), 65_536)]
    found = one.feed(pieces[0]) + one.feed(pieces[1])
    grows = one._rest
    for piece in pieces[2:-1]:
        found += one.feed(piece)
        assert one._rest is grows
    assert found == []
    assert one.feed(pieces[-1]) == [binary(bytes(8_000_000))]
    assert one._rest == b""


# ---- what the server sends ---------------------------------------------------------------------------------------


def test_the_servers_frames_are_those_of_section_5_7() -> None:
    assert text_frame(b"Hello") == b"\x81\x05Hello"
    assert ping_frame(b"Hello") == b"\x89\x05Hello"
    assert pong_frame(b"Hello") == b"\x8a\x05Hello"


@pytest.mark.parametrize(
    ("size", "head"),
    [
        (0, b"\x81\x00"),
        (125, b"\x81\x7d"),
        (126, b"\x81\x7e\x00\x7e"),
        (65_535, b"\x81\x7e\xff\xff"),
        (65_536, b"\x81\x7f\x00\x00\x00\x00\x00\x01\x00\x00"),
    ],
)
def test_a_servers_frame_has_the_shortest_length(size: int, head: bytes) -> None:
    assert text_frame(b"x" * size) == head + b"x" * size


def test_a_close_carries_its_code_and_a_reason_cut_between_characters() -> None:
    assert close_frame(1000) == b"\x88\x02\x03\xe8"
    assert close_frame(4401, "token_expired") == b"\x88\x0f\x11\x31token_expired"
    long = close_frame(1008, "€" * 60)
    assert len(long) - 2 == 2 + 123
    assert long[4:].decode() == "€" * 41
    assert close_frame(1008, "x" + "€" * 60)[4:].decode() == "x" + "€" * 40


# ---- RFC 7692: with compression agreed on ------------------------------------------------------------------------

DEFLATED_HELLO = b"\xf2\x48\xcd\xc9\xc9\x07\x00"  # RFC 7692 section 7.2.3.1


def deflating(limit: int = LIMIT) -> FrameParser:
    return FrameParser(max_message_bytes=limit, deflates=True)


def still_deflated(payload: bytes) -> Incoming:
    return Incoming(FrameKind.DEFLATED, payload)


def test_rfc_7692_a_compressed_hello_is_read_and_left_as_small_as_it_came() -> None:
    assert deflating().feed(client_frame(TEXT, DEFLATED_HELLO, reserved=4)) == [still_deflated(DEFLATED_HELLO)]
    assert inflate(DEFLATED_HELLO, LIMIT) == b"Hello"


def test_rfc_7692_a_compressed_message_in_fragments_has_rsv1_on_the_first_only() -> None:
    parts = client_frame(TEXT, DEFLATED_HELLO[:3], final=False, reserved=4) + client_frame(
        CONTINUATION, DEFLATED_HELLO[3:]
    )
    assert deflating().feed(parts) == [still_deflated(DEFLATED_HELLO)]
    again = client_frame(TEXT, DEFLATED_HELLO[:3], final=False, reserved=4) + client_frame(
        CONTINUATION, DEFLATED_HELLO[3:], reserved=4
    )
    assert deflating().feed(again)[-1].code == 1002


def test_rfc_7692_a_message_may_come_uncompressed_all_the_same() -> None:
    assert deflating().feed(client_frame(TEXT, b"Hello")) == [text(b"Hello")]


def test_rfc_7692_a_control_frame_is_never_compressed() -> None:
    assert deflating().feed(client_frame(PING, DEFLATED_HELLO, reserved=4))[-1].code == 1002


def test_rfc_7692_a_binary_message_which_nobody_reads_is_never_inflated() -> None:
    assert deflating().feed(client_frame(BINARY, b"\xff\xff", reserved=4)) == [binary(b"\xff\xff")]


def test_rfc_7692_a_compressed_message_is_bounded_as_it_comes() -> None:
    assert deflating(10).feed(client_frame(TEXT, bytes(11), reserved=4))[-1].code == 1009
