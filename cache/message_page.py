"""The cached page of a room's newest messages: its format, and its update by a commit.

The messages are kept encoded, so that a reader sends them without encoding them again. In Redis a page is one string:
`last_seq:rev:has_more:count:`, followed by each message as a netstring, `length:bytes`. Older processes append to it.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from cache.value_update import ValueUpdate

KEEP = 100  # messages: the most that one request may ask for


class Page(Struct, frozen=True):
    """Messages with consecutive seqs up to `last_seq`, as they were when the room's newest change was `rev`.

    `has_more`: the room has older messages.
    """

    messages: tuple[bytes, ...]
    last_seq: int
    rev: int
    has_more: bool

    def extended(self, first_seq: int, messages: Sequence[bytes]) -> Page | None:
        """Return the page with the messages appended that it lacks; None if a seq between them is missing."""
        known = self.last_seq + 1 - first_seq
        if known < 0:
            return None
        new = messages[known:]
        if not new:
            return self
        kept = (*self.messages, *new)
        return Page(kept[-KEEP:], self.last_seq + len(new), self.rev, self.has_more or len(kept) > KEEP)


def append(first_seq: int, messages: Sequence[bytes]) -> ValueUpdate[Page]:
    """The update by a commit that stored these messages, with consecutive seqs from `first_seq` on.

    Messages that the page has are skipped. Where a seq between them is missing, the page is forgotten.
    """
    return ValueUpdate(lambda page: page.extended(first_seq, messages))


def pack(page: Page) -> bytes:
    """Encode the page as one string."""
    head = b"%d:%d:%d:%d:" % (page.last_seq, page.rev, page.has_more, len(page.messages))
    return head + b"".join([b"%d:%s" % (len(message), message) for message in page.messages])


def unpack(packed: bytes) -> Page:
    """Decode a page. Raises ValueError for a string that `pack` cannot have made."""
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
