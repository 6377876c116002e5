"""The RateLimit headers: of several limits that a request counts against, a reply reports the one nearest to refusing.

Pure, apart from setting the headers.
"""

from __future__ import annotations

from handlers.whole_replies import WholeReplies
from limits.contract import Decision


def nearest_to_refusal(before: Decision | None, decision: Decision) -> Decision | None:
    """Return which of two decisions to report; None if neither has a limit."""
    if decision.limit is None:
        return before
    if before is None or not decision.allowed or _share_left(decision) <= _share_left(before):
        return decision
    return before


def _share_left(decision: Decision) -> float:
    return (decision.remaining or 0) / (decision.limit or 1)


def set_rate_limit_headers(reply: WholeReplies, decision: Decision | None) -> None:
    """Set the headers of this decision; without one, or without a limit, set none."""
    if decision is None or decision.limit is None:
        return
    reply.set_own_header("RateLimit-Limit", str(decision.limit))
    reply.set_own_header("RateLimit-Remaining", str(decision.remaining))
    reply.set_own_header("RateLimit-Reset", str(decision.reset_s))
