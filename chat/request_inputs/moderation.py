"""What moderators send: REST bodies."""

from __future__ import annotations

from typing import Annotated

from msgspec import UNSET, Meta, UnsetType

from chat.request_inputs.fields import Input, Text, prepared
from common.rfc3339 import normalized
from store.models import Role

BAN_MAX_S = 10 * 366 * 24 * 3600


class PatchMember(Input, frozen=True):
    """PATCH /rooms/{id}/members/{userId}: one of the two."""

    role: Role | UnsetType = UNSET
    muted_until: Annotated[str, Meta(max_length=64), prepared(normalized, format="date-time")] | UnsetType | None = (
        UNSET
    )


class BanSomebody(Input, frozen=True):
    """POST /rooms/{id}/bans/{userId}. `expires_in` is in seconds; None for a ban without end."""

    reason: Text | None = None
    expires_in: Annotated[int, Meta(ge=1, le=BAN_MAX_S)] | None = None


class ReportMessage(Input, frozen=True):
    """POST /messages/{id}/report."""

    reason: Annotated[str, Meta(min_length=1, max_length=1000)]
