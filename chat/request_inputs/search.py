"""What clients send to search: queries."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from chat.request_inputs.fields import Id, Input, Limit


class SearchMessages(Input, frozen=True):
    """`q` is read by chat/search_query.py."""

    q: Annotated[str, Meta(min_length=1, max_length=500)]
    room_id: Id | None = None
    limit: Limit = 50
    cursor: Annotated[str, Meta(max_length=512)] | None = None


class SuggestSearch(Input, frozen=True):
    q: Annotated[str, Meta(min_length=1, max_length=80)]
