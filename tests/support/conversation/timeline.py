"""What one connection was told of one room, and whether that keeps the contract's order. Pure; knows no socket."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.support.conversation.model import Room, as_seen

CHANGES = frozenset({"messageEdited", "messageDeleted", "reactionUpdated"})
Data = Mapping[str, Any]


class Timeline:
    """A room as one subscription shows it, from the acks of joinRoom and from events, in the order received.

    `faults` has what broke the contract: a seq or rev out of order, twice, or after the end.
    """

    def __init__(self) -> None:
        self.faults: list[str] = []
        self.is_open = False
        self.closed_because: str | None = None
        self._forget()

    def _forget(self) -> None:
        self._has_joined = False
        self.seq = self.rev = 0
        self.known_from = 0  # the messages after this seq are known
        self.messages: dict[int, Data] = {}
        self.changes_from = 0  # the rev of the newest ack: later changes are events
        self.change_revs: list[int] = []  # of the events since

    def resume_from(self) -> dict[str, int]:
        """What joinRoom is to be asked with, to miss nothing."""
        return {"since": self.seq, "sinceRev": self.rev} if self._has_joined else {}

    def joined(self, asked: Data, ack: Data) -> None:
        """The ack of a joinRoom that was asked for with `since` and `sinceRev`, or without both."""
        since = asked.get("since")
        missed = [message["seq"] for message in ack["missed"]]
        if since is None:
            self._expect(missed == ack["changes"] == [], f"missed {missed} without since")
            self._forget()
            self.known_from = ack["seq"]
        else:
            refused = [name for name in ("reset", "truncated", "changesTruncated") if ack[name]]
            self._expect(not refused, f"{refused} since {since}")
            self._expect(missed == list(range(since + 1, ack["seq"] + 1)), f"missed {missed} since {since}")
            revs = [change["rev"] for change in ack["changes"]]
            self._expect(revs == sorted(set(revs)), f"changes {revs} are not in order")
            self._expect(all(asked["sinceRev"] < rev <= ack["rev"] for rev in revs), f"changes {revs} since {asked}")
            self._expect(ack["seq"] >= self.seq and ack["rev"] >= self.rev, "the heads went back")
        for message in (*ack["missed"], *(change["message"] for change in ack["changes"])):
            if message is not None:
                self._take(message)
        self.seq, self.rev, self.is_open, self._has_joined = ack["seq"], ack["rev"], True, True
        self.changes_from, self.change_revs = ack["rev"], []
        self.closed_because = None

    def left(self) -> None:
        """The ack of leaveRoom, or the connection is gone."""
        self.is_open = False

    def told(self, event: str, data: Data) -> None:
        """An event of this room."""
        if event == "roomClosed":
            self.is_open, self.closed_because = False, data["reason"]
        elif event == "receiveMessage":
            self._expect(self.is_open, f"message {data['seq']} without a subscription")
            self._expect(data["seq"] == self.seq + 1, f"message {data['seq']} after {self.seq}")
            self.seq = data["seq"]
            self._take(data)
        elif event in CHANGES:
            self._expect(self.is_open, f"{event} {data['rev']} without a subscription")
            self._expect(data["rev"] > self.rev, f"{event} {data['rev']} after {self.rev}")
            self._expect(data["message"]["rev"] >= data["rev"], f"{event} {data['rev']} of an older message")
            self.rev = data["rev"]
            self.change_revs.append(data["rev"])
            self._take(data["message"])

    def differences(self, room: Room) -> list[str]:
        """What an open timeline lacks, or shows otherwise than the room is."""
        found = [*self.faults]
        if self.seq != room.last_seq:
            found.append(f"seq {self.seq}, not {room.last_seq}")
        changed = [rev for rev in room.change_revs if rev > self.changes_from]
        if self.change_revs != changed:
            found.append(f"changes {self.change_revs}, not {changed}")
        for message in room.messages:
            shown = self.messages.get(message.seq)
            if shown is None and message.seq > self.known_from:
                found.append(f"no message {message.seq}")
            elif shown is not None and as_seen(shown) != message.seen():
                found.append(f"{as_seen(shown)}, not {message.seen()}")
        return found

    def _take(self, message: Data) -> None:
        """Keep the newer of two copies."""
        known = self.messages.get(message["seq"])
        if known is None or message["rev"] >= known["rev"]:
            self.messages[message["seq"]] = message

    def _expect(self, holds: bool, fault: str) -> None:
        if not holds:
            self.faults.append(fault)
