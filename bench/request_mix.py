"""What a chat page does: which REST requests it makes and how often each, and messages beside them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bench.client.worker_protocol import Request
from bench.combined_load import CombinedLoad

CONTENT_BYTES = 64
_PAGE = "?limit=50"


def load(options: Mapping[str, int], room_ids: Sequence[str], *, seconds: float) -> CombinedLoad:
    """Messages and requests at the rates that a scenario's options say; refusals by a busy server are errors."""
    return CombinedLoad(
        seconds=seconds,
        senders=min(options["connections"], 2 * len(room_ids)),
        rate_per_s=options["rate"],
        content_bytes=CONTENT_BYTES,
        requests=of_rooms(room_ids, content_bytes=CONTENT_BYTES),
        request_connections=options["http_connections"],
        request_rate_per_s=options["request_rate"],
        may_refuse=True,
    )


def of_rooms(room_ids: Sequence[str], *, content_bytes: int) -> tuple[Request, ...]:
    """Mostly the newest page and a room, then the rest; one request in ten posts a message."""
    each = [request for room_id in room_ids for request in _of_room(room_id, content_bytes)]
    count = len(room_ids)
    return (
        *each,
        Request("GET /rooms?mine=true", "GET", "/rooms?mine=true", 15 * count),
        Request("GET /auth/profile", "GET", "/auth/profile", 10 * count),
    )


def _of_room(room_id: str, content_bytes: int) -> tuple[Request, ...]:
    return (
        Request("GET /messages", "GET", f"/messages{_PAGE}&roomId={room_id}", 35),
        Request("GET /rooms/{id}", "GET", f"/rooms/{room_id}", 20),
        Request("GET /rooms/{id}/stats", "GET", f"/rooms/{room_id}/stats", 10),
        Request("POST /messages", "POST", "/messages", 10, posts_to=room_id, content_bytes=content_bytes),
    )
