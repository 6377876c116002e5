"""A room's feed against a model of the room: whatever comes live, is lost, or is read, each message comes out once."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from client.events import ChangesLost, MessageChanged, MessageReceived, RoomClosed, RoomReset
from client.room_feed import RoomFeed

MISSED_MAX = 4


class ModelRoom:
    """A room as its server keeps it, and one connection to it, which may be cut."""

    def __init__(self) -> None:
        self.messages: list[dict[str, Any]] = []
        self.changes: dict[int, int] = {}  # the rev of a change → its message's seq; 0: of membership

    @property
    def rev(self) -> int:
        return max(self.changes, default=0)

    def post(self) -> dict[str, Any]:
        seq = len(self.messages) + 1
        message = {
            "id": f"m{seq}",
            "roomId": "r",
            "seq": seq,
            "rev": 0,
            "userId": "u",
            "username": "ada",
            "content": "first",
        }
        self.messages.append(message)
        return message

    def change(self, seq: int) -> dict[str, Any]:
        rev = self.rev + 1
        self.changes[rev] = seq
        self.messages[seq - 1] = {**self.messages[seq - 1], "rev": rev, "content": f"rev {rev}"}
        return self.messages[seq - 1]

    def changed_since(self, rev: int) -> list[dict[str, Any]]:
        newest = {seq: one for one, seq in self.changes.items() if one > rev}
        return [{"rev": one, "message": self.messages[seq - 1] if seq else None} for seq, one in newest.items()]

    def ack(self, since: int, since_rev: int) -> dict[str, Any]:
        missed = self.messages[since:]
        changes = sorted(self.changed_since(since_rev), key=lambda one: one["rev"])
        return {
            "seq": len(self.messages),
            "rev": self.rev,
            "missed": missed[-MISSED_MAX:],
            "truncated": len(missed) > MISSED_MAX,
            "changes": changes,
            "changesTruncated": False,
            "reset": since > len(self.messages),
        }

    def page(self, query: Any) -> dict[str, Any]:
        if query.kind == "messages":
            found = self.messages[query.after : query.after + query.limit]
            return {"messages": found, "hasMore": False, "rev": self.rev}
        changes = sorted(self.changed_since(query.after), key=lambda one: one["rev"])
        more = len(changes) > query.limit
        return {"changes": changes[: query.limit], "rev": self.rev, "hasMore": more}


@settings(max_examples=300)
@given(
    seed=st.integers(0, 2**32),
    steps=st.lists(st.sampled_from(["post", "post", "change", "member", "take", "page", "cut", "join"]), max_size=80),
    buffer_max=st.integers(2, 6),
)
def test_each_message_comes_once_in_order_and_ends_as_it_is_in_the_room(
    seed: int, steps: list[str], buffer_max: int
) -> None:
    rng, model, feed = random.Random(seed), ModelRoom(), RoomFeed("r", buffer_max=buffer_max)
    feed.start(0, 0)
    live = True
    seqs: list[int] = []
    revs: list[int] = []
    shown: dict[int, dict[str, Any]] = {}

    def take() -> None:
        event = feed.pop()
        assert isinstance(event, MessageReceived | MessageChanged)
        message = event.message
        if isinstance(event, MessageReceived):
            seqs.append(message.seq)
        else:
            revs.append(event.rev)
        if message.seq not in shown or message.rev >= shown[message.seq]["rev"]:
            shown[message.seq] = dict(message.raw)

    def join() -> None:
        feed.on_joined(model.ack(feed.seq, feed.rev))

    for step in steps:
        if step == "post":
            message = model.post()
            if live:
                feed.on_message(message)
        elif step == "change" and model.messages:
            changed = model.change(rng.randint(1, len(model.messages)))
            if live:
                feed.on_change(changed["rev"], changed)
        elif step == "member":
            model.changes[model.rev + 1] = 0
        elif step == "take" and feed:
            take()
        elif step == "page" and feed.wants_page:
            query = feed.page_query()
            assert feed.on_page(query, model.page(query))
        elif step == "cut":
            live = False
        elif step == "join" and not live:
            join()
            live = True
        assert len(feed) <= buffer_max
    join()
    for _ in range(1000):
        if feed:
            take()
        elif feed.wants_page:
            query = feed.page_query()
            feed.on_page(query, model.page(query))
        else:
            break
    assert seqs == list(range(1, len(model.messages) + 1))
    assert revs == sorted(set(revs))
    assert [shown[seq] for seq in seqs] == model.messages
    assert not feed.is_behind


def test_after_a_reset_the_stream_goes_on_where_the_server_is() -> None:
    model, feed = ModelRoom(), RoomFeed("r", buffer_max=5)
    feed.start(7, 3)
    feed.on_joined(model.ack(7, 3))
    feed.on_message(model.post())
    assert feed.pop() == RoomReset("r", 0)
    assert [feed.pop(), len(feed)] == [MessageReceived(feed_message(model, 1)), 0]


def feed_message(model: ModelRoom, seq: int) -> Any:
    from client.records import decoded_message

    return decoded_message(model.messages[seq - 1])


def test_changes_that_are_lost_are_told_once_until_they_are_taken() -> None:
    model, feed = ModelRoom(), RoomFeed("r", buffer_max=5)
    feed.start(0, 0)
    for _ in range(9):
        feed.on_joined({**model.ack(0, 0), "rev": 8, "changesTruncated": True})
    assert [feed.pop(), len(feed), feed.rev] == [ChangesLost("r"), 0, 8]


def test_a_page_that_is_older_than_what_was_skipped_is_asked_for_again() -> None:
    model, feed = ModelRoom(), RoomFeed("r", buffer_max=5)
    feed.start(0, 4)
    feed.on_joined({**model.ack(0, 4), "seq": 1, "rev": 4})
    query = feed.page_query()
    model.post()
    assert not feed.on_page(query, {**model.page(query), "rev": 3})
    assert feed.on_page(query, {**model.page(query), "rev": 4})
    assert feed.seq == 1


def test_nothing_follows_the_end() -> None:
    model, feed = ModelRoom(), RoomFeed("r", buffer_max=5)
    feed.start(0, 0)
    feed.close("banned")
    feed.close("left")
    feed.on_message(model.post())
    assert [feed.pop(), len(feed), feed.wants_page] == [RoomClosed("r", "banned"), 0, False]


def test_a_feed_without_room_is_refused() -> None:
    with pytest.raises(ValueError):
        RoomFeed("r", buffer_max=1)
