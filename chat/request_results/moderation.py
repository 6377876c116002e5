"""What use cases return to moderators."""

from __future__ import annotations

from chat.request_results.rooms import MemberView


class ModeratedMember(MemberView, frozen=True, rename="camel"):
    """A member as a moderator sees them. `muted_until`: an RFC 3339 time, None where they are not muted."""

    muted_until: str | None
