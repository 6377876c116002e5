"""What the load client makes of changes of messages."""

from __future__ import annotations

import json

import pytest

from bench.client import chat_messages
from bench.client.connection_changes import ConnectionChanges
from bench.client.delivery_stats import DeliveryStats


def event(name: str, rev: int, content: str | None) -> bytes:
    message = {"id": "r-1", "roomId": "r", "seq": 1, "rev": rev, "content": content}
    return json.dumps({"event": name, "data": {"roomId": "r", "rev": rev, "message": message}}).encode()


DUE = f"{17:020d}xx"


@pytest.mark.parametrize(
    ("name", "content", "due_ns"),
    [("messageEdited", DUE, 17), ("reactionUpdated", DUE, None), ("messageDeleted", None, None)],
)
def test_the_content_of_an_edit_says_when_it_was_due(name: str, content: str | None, due_ns: int | None) -> None:
    assert chat_messages.decode_event(event(name, 3, content)) == chat_messages.ReceivedChange("r", 3, due_ns)


def watching() -> tuple[ConnectionChanges, DeliveryStats]:
    stats = DeliveryStats("0")
    changes = ConnectionChanges("c", stats)
    changes.watch(4)
    return changes, stats


@pytest.mark.parametrize(
    ("revs", "failure"), [((5, 6, 7), None), ((5, 7), "gap"), ((5, 5), "double"), ((6, 5), "wrong order")]
)
def test_each_rev_must_come_once_and_in_order(revs: tuple[int, ...], failure: str | None) -> None:
    changes, stats = watching()
    for rev in revs:
        changes.on_change(chat_messages.ReceivedChange("r", rev, None), 1_000, 100)
    assert stats.deliveries == len(revs)
    assert any(failure in kept for kept in stats.failures.kept) if failure else not stats.failures.count


def test_an_ack_ends_its_own_change_and_says_how_far_the_room_is() -> None:
    changes, stats = watching()
    first, second = changes.begin(0), changes.begin(0)
    for command_id, rev in ((second, 6), (first, 5)):
        message = {"id": "r-1", "roomId": "r", "seq": 1, "rev": rev, "content": "x"}
        ack = {"event": "ack", "id": command_id, "data": {"message": message}}
        reply = chat_messages.decode_event(json.dumps(ack).encode())
        assert isinstance(reply, chat_messages.Reply)
        changes.on_ack(reply, 5_000)
    assert (changes.pending, stats.acked_revs, stats.ack.count) == ({}, {"r": 6}, 2)
