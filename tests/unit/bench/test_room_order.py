"""The order of a room's messages, as bytes and as markers: what the first reader got is what all must get."""

from __future__ import annotations

import pytest

from bench.stream_client.room_order import RoomBytes, RoomMarkers, WrongOrder


def frame(seq: int) -> tuple[bytes, bytes]:
    """A frame and its payload."""
    payload = b'{"seq":%d}' % seq
    return bytes((0x81, len(payload))) + payload, payload


def room_of(*seqs: int) -> RoomBytes:
    room = RoomBytes(numbered=True)
    for seq in seqs:
        room.append(*frame(seq), due_ns=seq * 10, position=room.end)
    return room


def test_bytes_in_pieces_are_the_rooms_wherever_they_are_cut() -> None:
    room = room_of(1, 2, 3)
    whole = b"".join(frame(seq)[0] for seq in (1, 2, 3))
    for cut in range(1, len(whole)):
        assert room.has(whole[:cut], 0)
        assert room.has(memoryview(whole)[cut:], cut)
        assert (room.begun(cut) + whole[cut:])[:2] == frame(1)[0][:2]
    assert not room.has(whole + b"x", 0)
    assert not room.has(frame(2)[0], 0)


def test_messages_are_counted_where_they_end() -> None:
    room = room_of(1, 2)
    size = len(frame(1)[0])
    assert [room.messages_until(position) for position in (0, size - 1, size, size + 1, 2 * size)] == [0, 0, 1, 1, 2]
    assert room.dues_ns(0, 2) == [10, 20]
    assert room.dues_ns(1, 2) == [20]


def test_what_everybody_has_is_forgotten_and_positions_stay() -> None:
    room = room_of(1, 2, 3)
    size = len(frame(1)[0])
    room.forget(size + 1)
    assert (room.remembered, room.base, room.end) == (2, size, 3 * size)
    assert room.messages_until(2 * size) == 2
    assert room.dues_ns(1, 3) == [20, 30]
    assert room.has(frame(2)[0] + frame(3)[0], size)
    assert room.begun(size + 4) == frame(2)[0][:4]
    room.append(*frame(4), due_ns=40, position=room.end)
    assert room.dues_ns(3, 4) == [40]


@pytest.mark.parametrize(("seqs", "why"), [((1, 3), "expected seq 2, got 3"), ((1, 2, 2), "expected seq 3, got 2")])
def test_a_seq_that_is_not_next_is_wrong(seqs: tuple[int, ...], why: str) -> None:
    with pytest.raises(WrongOrder, match=why):
        room_of(*seqs)


def test_other_bytes_than_the_first_reader_got_are_wrong() -> None:
    room = room_of(1, 2)
    with pytest.raises(WrongOrder, match="message 1 of the room has other bytes"):
        room.append(*frame(2), due_ns=0, position=0)


def test_a_message_of_a_server_that_numbers_needs_its_seq() -> None:
    with pytest.raises(WrongOrder, match="without a seq"):
        RoomBytes(numbered=True).append(b"\x81\x02{}", b"{}", 0, 0)


def test_markers_are_in_the_order_of_the_first_reader_whatever_the_frames_are() -> None:
    room = RoomMarkers()
    assert [room.take((due, 7), position) for position, due in enumerate((10, 20, 30))] == [True] * 3
    assert room.take((10, 7), 0) is False
    with pytest.raises(WrongOrder, match="message 2 of the room is another"):
        room.take((30, 7), 1)
    room.forget(2)
    assert (room.remembered, room.end, room.messages_until(3)) == (1, 3, 3)
    assert room.take((30, 7), 2) is False
    assert room.dues_ns(2, 3) == [30]
