"""What a commit stored is told in runs without a hole: others number by position."""

from __future__ import annotations

from msgspec.structs import replace

from chat.message_publisher import consecutive
from store.models import Message

MESSAGE = Message(
    id="r-1",
    room_id="r",
    seq=1,
    rev=0,
    user_id="u",
    username="ada",
    type="text",
    content="hello",
    client_id="c",
    reply_to_id=None,
    thread_id=None,
    attachments=(),
    mentions=(),
    reactions={},
    created_at="2026-01-31T12:00:00.123Z",
    edited_at=None,
    deleted_at=None,
)


def runs(*seqs: int) -> list[tuple[int, tuple[bytes, ...]]]:
    return consecutive([replace(MESSAGE, seq=seq) for seq in seqs], [b"%d" % seq for seq in seqs])


def test_what_follows_one_another_is_one_run_and_each_hole_begins_another() -> None:
    assert runs(1, 2, 3) == [(1, (b"1", b"2", b"3"))]
    assert runs(4, 6, 7) == [(4, (b"4",)), (6, (b"6", b"7"))]
    assert runs(3, 1, 2) == [(1, (b"1", b"2", b"3"))]
    assert runs() == []
