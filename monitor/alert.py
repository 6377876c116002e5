"""One alert, as clients, webhooks and the other processes are told of it. Owns the shape only."""

from __future__ import annotations

from msgspec import UNSET, Struct, UnsetType


class Alert(Struct, frozen=True, rename="camel"):
    """An alert for clients and webhooks. `value`: the newest while it is active, the worst once it is resolved.

    `subject`: what the value is of, for a rule that has several.
    """

    name: str
    severity: str
    value: float
    threshold: float
    since: str
    resolved_at: str | UnsetType = UNSET
    subject: str | UnsetType = UNSET
