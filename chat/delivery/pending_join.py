"""A subscription between its registration and its ack: what must follow the ack, and what goes on if the join fails."""

from __future__ import annotations

import math


def ends(rev: int | None, under: int | None) -> bool:
    """Whether a membership that began at the rev `under` was ended by an end at `rev`. True if either is not known."""
    return rev is None or under is None or rev >= under


class PendingJoin:
    """What is held for a joiner.

    `under` is the rev at which its membership began; None until it is read from the store. `earlier_epoch` is that of
    the subscription that goes on if the join fails; None: there is none. That one is owed what was delivered meanwhile
    and is older than the registration: a join that succeeds tells of it in its ack.
    """

    __slots__ = (
        "_ended_rev",
        "_owed",
        "_owed_messages",
        "earlier_epoch",
        "epoch",
        "frames",
        "messages",
        "rev",
        "seq",
        "size",
        "under",
    )

    def __init__(self, epoch: int, seq: int, rev: int, *, earlier_epoch: int | None) -> None:
        self.epoch = epoch
        self.seq = seq
        self.rev = rev
        self.earlier_epoch = earlier_epoch
        self.under: int | None = None
        self._ended_rev: float = -1  # the greatest rev of an end that was received before `under` was known
        self.frames: list[bytes] = []
        self.messages = 0
        self.size = 0
        self._owed: list[bytes] = []
        self._owed_messages = 0

    def note_end(self, rev: int | None) -> None:
        """Note that a membership of the joiner ended; it may be the one that is about to be read."""
        self._ended_rev = max(self._ended_rev, math.inf if rev is None else rev)

    def stands_under(self, rev: int) -> bool:
        """Set the rev at which the membership began. False if an end of that membership was received already."""
        self.under = rev
        return rev > self._ended_rev

    def concerns(self, epoch: int) -> bool:
        """Whether a group of that epoch is to be held, or is owed to the earlier subscription."""
        return self.epoch <= epoch or (self.earlier_epoch is not None and self.earlier_epoch <= epoch)

    def hold(self, frames: bytes, messages: int, *, epoch: int) -> None:
        """Hold a group that it concerns."""
        self.size += len(frames)
        if self.epoch <= epoch:
            self.frames.append(frames)
            self.messages += messages
        else:
            self._owed.append(frames)
            self._owed_messages += messages

    def fall_back(self) -> int | None:
        """Let the earlier subscription go on, with what it is owed before what is held. Returns its epoch."""
        if self.earlier_epoch is not None:
            self.frames = self._owed + self.frames
            self.messages += self._owed_messages
        return self.earlier_epoch
