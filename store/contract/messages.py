"""Messages, their changes, and search: what every store backend guarantees for them.

The package says what holds for all.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Sequence
from typing import Protocol

from store.models import (
    Actor,
    AppendOutcome,
    ChangePage,
    Message,
    MessageChange,
    MessageDraft,
    MessageHistory,
    MessagePage,
    MessageSearch,
    SearchHit,
    ThreadPage,
)

OnAppended = Callable[[list[AppendOutcome] | None, Exception | None], None]


class Messages(Protocol):
    """Messages. In each room seq is 1, 2, 3 … without holes: a unique index on (roomId, seq), and inserts only.

    Each change of a message adds an entry to the room's changes log, with the resulting message, which carries the
    entry's rev. Who may do it is asked of store/room_rules.py in the write itself.
    """

    async def append(self, room_id: str, drafts: Sequence[MessageDraft]) -> list[AppendOutcome]:
        """Store drafts in order, with consecutive seqs for those accepted.

        Returns one outcome for each draft, in order.

        A member's draft whose (room, author, clientId) is stored already, by an earlier call or this one, stores
        nothing and its outcome is Stored(duplicate=True). The same transaction checks membership, muting, archive,
        replyToId and threadId (messages of this room), attachments (files of the author) and who may mention all
        (ROOM_MENTION), and drops mentions of non-members. A threadId that names a reply stands for the root of that
        reply's thread. A mention of all is one entry, whatever the number of members. Each author's readSeq moves to
        their own newest seq. createdAt is the store's clock; within a process it does not fall as seq rises. If this
        raises, none of the drafts is confirmed.

        In a room with slow mode a member who is no moderator gets TooSoon within slowModeS seconds of their newest
        message in the room, also of one from before they left and came back. What is asked first is told first:
        membership, muting, archive, slow mode; then reply and thread, who may mention all, files.
        """

    def append_then(self, room_id: str, drafts: Sequence[MessageDraft], on_settled: OnAppended) -> None:
        """As `append`, but `on_settled(outcomes, None)` or `on_settled(None, error)` is called on the loop, at most
        once, as soon as the outcomes are known.

        Raises StoreUnavailable at once where the queue is full or closed; then it is not called.
        """

    async def edit(self, message_id: str, content: str, *, actor: Actor) -> MessageChange:
        """Replace the content, and keep the replaced one, of which the newest REPLACED_TEXTS_KEPT stay.

        The same content again changes nothing; mentions stay as they were. Raises Missing("message"), also for a
        deleted one and to whom the room is hidden; Refused: not_member, muted, forbidden (room_rules.require_editor).
        """

    async def delete(self, message_id: str, *, actor: Actor) -> MessageChange:
        """Remove content, attachments, mentions, reactions and replaced texts; the message's seq stays taken.

        A deleted one stays as it is. Raises Missing("message"), also to whom the room is hidden; Refused: not_member,
        forbidden.
        """

    async def react(self, message_id: str, emoji: str, *, actor: Actor, on: bool) -> MessageChange:
        """Add (`on`) or remove the actor's reaction: members who may write add one, any member removes their own.

        Each (message, emoji, user) counts once, also under concurrent calls. Reactions to one message that are written
        by one commit share an entry, and each caller gets the message of that entry. Raises Missing("message"), also
        for a deleted one and to whom the room is hidden; TooManyKinds past REACTION_KINDS_MAX emoji; Refused:
        not_member, muted, forbidden (an archived room).
        """

    async def history(self, message_id: str, *, actor: Actor) -> MessageHistory:
        """The message with its replaced texts. Raises as `delete`: only its author and moderators may read them."""

    async def get(self, message_id: str) -> Message | None: ...

    def by_author(self, user_id: str) -> AsyncGenerator[list[Message], None]:
        """All messages of a user in all rooms, in slices that are read one by one; in no order that may be relied on.

        What is written meanwhile may be left out. Each slice ends within the store's timeout.
        """

    async def by_client_id(self, room_id: str, user_id: str, client_id: str) -> Message | None: ...

    async def page(
        self,
        room_id: str,
        *,
        limit: int,
        before: int | None = None,
        after: int | None = None,
        with_authors: bool = False,
    ) -> MessagePage:
        """Up to `limit` messages: the newest, those next below `before`, or those next above `after`.

        `with_authors`: the authors' profiles are read in the same round trip. Raises ValueError if both `before` and
        `after` are given.
        """

    async def thread(self, room_id: str, root: int, *, after: int, limit: int) -> ThreadPage:
        """Up to `limit` replies above the seq `after` of the thread whose root has the seq `root`; none if there is
        no such thread. Deleted replies are among them, and counted.
        """

    async def newest_between(self, room_id: str, *, after: int, upto: int, limit: int) -> list[Message]:
        """The newest `limit` messages with after < seq <= upto, ascending."""

    async def search(
        self, search: MessageSearch, *, limit: int, after: str | None
    ) -> tuple[list[SearchHit], str | None]:
        """Hits in the order of store/search_ranking.py, the same on every backend. Cursors as in Rooms.list_for.

        A text of punctuation only is found in nothing. Raises StoreTimeout.
        """

    async def complete(self, room_ids: Sequence[str], prefix: str, *, limit: int) -> list[str]:
        """Words that begin with a prefix, as store/word_completions.py says, of recent messages of these rooms.

        A prefix that is not the beginning of one word has none. The newest 1,000 messages of the rooms are looked at
        in any case. Raises StoreTimeout.
        """


class Changes(Protocol):
    """The insert-only log of what changed in a room after it was written; rev 1, 2, 3 … without holes.

    Entries may expire 7 days after they have a successor; the newest never does.
    """

    async def page(self, room_id: str, *, since: int, limit: int) -> ChangePage:
        """Entries with rev > since, each with the message as that entry left it (None for membership and settings).

        Of a message that is deleted by now each entry has the present form, so that nobody reads its texts.
        """

    async def latest_between(self, room_id: str, *, since: int, upto: int, limit: int) -> ChangePage:
        """Each message changed in (since, upto] once, in its current form, ascending by its newest rev in that range.

        Entries of membership and settings are left out.
        """
