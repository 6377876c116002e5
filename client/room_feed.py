"""The events of one room on their way to a program: in order, each once, without holes, and never more than a bound.

What does not fit is not kept: the room is then *behind*, and goes on from the store, page after page, as the program
takes what there is. Pure: knows neither connection nor clock.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

from .events import ChangesLost, MessageChanged, MessageReceived, RoomClosed, RoomEvent, RoomReset
from .records import decoded_message

PAGE_MAX = 100  # the contract's bound of `limit`


class PageQuery(NamedTuple):
    """What to read next from the store: messages after a seq, or changes after a rev."""

    kind: Literal["messages", "changes"]
    after: int
    limit: int


class RoomFeed:
    """`seq` and `rev`: the newest that has been put into the feed, from where it resumes; `taken_seq` and `taken_rev`:
    the newest that the program has taken.
    """

    def __init__(self, room_id: str, *, buffer_max: int) -> None:
        if buffer_max < 2:
            raise ValueError("a feed of less than 2 events")
        self.room_id = room_id
        self.seq = 0
        self.rev = 0
        self.taken_seq = 0
        self.taken_rev = 0
        self.closed: str | None = None
        self._seq_head = 0
        self._rev_head = 0
        self._max = buffer_max
        self._events: deque[RoomEvent] = deque()

    # what the program takes

    def __len__(self) -> int:
        return len(self._events)

    def pop(self) -> RoomEvent:
        """The next event. Raises IndexError where there is none."""
        event = self._events.popleft()
        if isinstance(event, MessageReceived):
            self.taken_seq = event.message.seq
        elif isinstance(event, MessageChanged):
            self.taken_rev = event.rev
        return event

    # what the server sends

    def start(self, seq: int, rev: int) -> None:
        """Go on after these."""
        self.seq = self._seq_head = self.taken_seq = seq
        self.rev = self._rev_head = self.taken_rev = rev

    def on_joined(self, ack: Mapping[str, Any]) -> None:
        """Take the ack of a joinRoom that had `since` and `sinceRev`."""
        if ack["reset"]:
            self._events.clear()
            self._events.append(RoomReset(self.room_id, ack["seq"]))
            self.start(ack["seq"], ack["rev"])
            return
        for message in ack["missed"]:
            self.on_message(message)
        self._seq_head = max(self._seq_head, ack["seq"])
        for change in ack["changes"]:
            self.on_change(change["rev"], change["message"])
        if ack["changesTruncated"]:
            if not (self._events and isinstance(self._events[-1], ChangesLost)):
                self._events.append(ChangesLost(self.room_id))
            self.rev = self._rev_head = max(self._rev_head, ack["rev"])
        self._rev_head = max(self._rev_head, ack["rev"])
        if self.seq == self._seq_head and not self._lacks_changes(ack):
            self.rev = self._rev_head

    def on_message(self, data: Mapping[str, Any]) -> None:
        """Take a new message, live or missed."""
        seq = data["seq"]
        if seq <= self.seq or self.closed is not None:
            return
        fits = not self.is_behind and seq == self.seq + 1 and len(self._events) < self._max
        self._seq_head = max(self._seq_head, seq)
        if fits:
            self._take_message(data)

    def on_change(self, rev: int, message: Mapping[str, Any] | None) -> None:
        """Take a change, live or missed; None is one of membership or settings."""
        if rev <= self.rev or self.closed is not None:
            return
        fits = not self.is_behind and len(self._events) < self._max
        self._rev_head = max(self._rev_head, rev)
        if fits:
            self._take_change(rev, message)

    def close(self, reason: str) -> None:
        """Nothing follows but the event that says so."""
        if self.closed is None:
            self.closed = reason
            self._events.append(RoomClosed(self.room_id, reason))

    # what is read from the store

    @property
    def is_behind(self) -> bool:
        """Whether something that is not in the feed is in the store."""
        return self.seq < self._seq_head or self.rev < self._rev_head

    @property
    def wants_page(self) -> bool:
        """Whether to read on from the store now: half of the feed has been taken."""
        return self.is_behind and self.closed is None and len(self._events) <= self._max // 2

    def page_query(self) -> PageQuery:
        """What to read; messages first, since a change may be one of them."""
        limit = min(PAGE_MAX, self._max - len(self._events))
        if self.seq < self._seq_head:
            return PageQuery("messages", self.seq, limit)
        return PageQuery("changes", self.rev, limit)

    def on_page(self, query: PageQuery, page: Mapping[str, Any]) -> bool:
        """Take a reply of GET /messages or GET /rooms/{id}/changes. False: it was of no use, ask again later."""
        if query.after != (self.seq if query.kind == "messages" else self.rev):
            return True  # a reset came in between
        if query.kind == "messages":
            return self._on_messages(page)
        return self._on_changes(page)

    def _on_messages(self, page: Mapping[str, Any]) -> bool:
        if page["rev"] < self.rev:
            return False  # cached: it may lack a change that was skipped because its message was not here yet
        for message in page["messages"]:
            if message["seq"] > self.seq:
                self._take_message(message)
        return bool(page["messages"])

    def _on_changes(self, page: Mapping[str, Any]) -> bool:
        before = self.rev
        for change in page["changes"]:
            if change["rev"] > self.rev:
                self._take_change(change["rev"], change["message"])
        if not page["hasMore"]:
            self.rev = max(self.rev, page["rev"])
        self._rev_head = max(self._rev_head, self.rev)
        return self.rev > before

    def _take_message(self, data: Mapping[str, Any]) -> None:
        self._events.append(MessageReceived(decoded_message(data)))
        self.seq = data["seq"]
        self._seq_head = max(self._seq_head, self.seq)

    def _take_change(self, rev: int, message: Mapping[str, Any] | None) -> None:
        self.rev = rev
        if message is None:
            return
        if message["seq"] > self.seq:
            self._seq_head = max(self._seq_head, message["seq"])  # it will be read as it is now
        else:
            self._events.append(MessageChanged(self.room_id, rev, decoded_message(message)))

    def _lacks_changes(self, ack: Mapping[str, Any]) -> bool:
        return any(change["rev"] > self.rev for change in ack["changes"])
