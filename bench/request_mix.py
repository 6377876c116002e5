"""Which REST requests a chat page makes, and how often each: the load of the scenarios that have REST."""

from __future__ import annotations

from collections.abc import Sequence

from bench.client.worker_protocol import Request

_PAGE = "?limit=50"


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
