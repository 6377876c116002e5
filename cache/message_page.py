"""The newest messages of a room as they are cached: encoded, so that a reader sends them as they are, and extended in
place by a commit.

In Redis a page is one string that a script can add to (`lua/extend.lua`): `last_seq:rev:has_more:count:` and then each
message as a netstring, `length:bytes`.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

KEEP = 100  # messages: what one request may ask for


class Page(Struct, frozen=True):
    """Messages with consecutive seq up to `last_seq`, at a time when the room's changes were at `rev`; `has_more`
    before them.
    """

    messages: tuple[bytes, ...]
    last_seq: int
    rev: int
    has_more: bool

    def extended(self, first_seq: int, messages: Sequence[bytes]) -> Page | None:
        """The page with what follows it; None if they do not meet."""
        known = self.last_seq + 1 - first_seq
        if known < 0:
            return None
        new = messages[known:]
        if not new:
            return self
        kept = (*self.messages, *new)
        return Page(kept[-KEEP:], self.last_seq + len(new), self.rev, self.has_more or len(kept) > KEEP)


def pack(page: Page) -> bytes:
    """The page as one string."""
    head = b"%d:%d:%d:%d:" % (page.last_seq, page.rev, page.has_more, len(page.messages))
    return head + b"".join([b"%d:%s" % (len(message), message) for message in page.messages])


def unpack(packed: bytes) -> Page:
    """Raises ValueError for what `pack` cannot have made."""
    last_seq, rev, has_more, count, rest = packed.split(b":", 4)
    messages = []
    at = 0
    for _ in range(int(count)):
        colon = rest.index(b":", at)
        length = int(rest[at:colon])
        if length < 0:
            raise ValueError("not a page")
        end = colon + 1 + length
        messages.append(rest[colon + 1 : end])
        at = end
    if at != len(rest):
        raise ValueError("not a page")
    dropped = max(0, len(messages) - KEEP)
    return Page(tuple(messages[dropped:]), int(last_seq), int(rev), bool(int(has_more)) or dropped > 0)
