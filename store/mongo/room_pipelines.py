"""Aggregation pipelines on rooms and members: one pure function each, so that a test can check its stages.

Knows no connection. Lists are paged by an indexed field, never by `$skip`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from store.mongo.lookup_stages import (
    Pipeline,
    Stage,
    newest_entry,
    of_room,
    with_head,
    with_membership,
    with_mentioned,
    with_unapplied,
)


def room(room_id: str) -> Pipeline:
    """A room with `head` and `unapplied`."""
    return [{"$match": {"_id": room_id}}, with_head(), with_unapplied()]


def rooms(room_ids: Sequence[str]) -> Pipeline:
    """Many rooms, each with `head` and `unapplied`."""
    return [{"$match": {"_id": {"$in": list(room_ids)}}}, with_head(), with_unapplied()]


def room_for(room_id: str, user_id: str) -> Pipeline:
    """A room with `head`, `unapplied` and the user's `membership`."""
    return [{"$match": {"_id": room_id}}, with_head(), with_unapplied(), with_membership(user_id)]


# What an append asks of a membership; the last two begin the wait of slow mode.
APPENDING_MEMBER = ("userId", "role", "mutedUntil", "sentAt", "sentAs")


def room_with_members(room_id: str, user_ids: Sequence[str]) -> Pipeline:
    """What an append asks of a room, and `members`: the members documents of some users. One round trip."""
    return [
        {"$match": {"_id": room_id}},
        {"$project": {"archivedAt": 1, "slowModeS": 1}},
        {
            "$lookup": {
                "from": "members",
                "let": {"room": "$_id"},
                "pipeline": [
                    {"$match": {"userId": {"$in": list(user_ids)}, "left": False, "$expr": of_room()}},
                    {"$project": dict.fromkeys(APPENDING_MEMBER, 1) | {"_id": 0}},
                ],
                "as": "members",
            }
        },
    ]


def _named(part: str) -> Pipeline:
    """Keep rooms whose folded name contains `part`. It stands in an expression, so it is wrapped in `$literal`."""
    if not part:
        return []
    return [{"$match": {"$expr": {"$gte": [{"$indexOfBytes": ["$nameFolded", {"$literal": part}]}, 0]}}}]


def public_rooms(user_id: str, *, below: int, part: str, limit: int) -> Pipeline:
    """Public rooms made before `below`, newest first, with `head` and the user's `membership`. On rooms."""
    return [
        {"$match": {"isPrivate": False, "order": {"$lt": below}}},
        {"$sort": {"order": -1}},
        *_named(part),
        {"$limit": limit},
        with_head(),
        with_membership(user_id),
    ]


def rooms_of(user_id: str, *, below: int, part: str, limit: int) -> Pipeline:
    """The user's rooms made before `below`, newest first, each `{room, …}` with `head` and `mentioned`. On members."""
    return [
        {"$match": {"userId": user_id, "left": False, "roomOrder": {"$lt": below}}},
        {"$sort": {"roomOrder": -1}},
        {
            "$lookup": {
                "from": "rooms",
                "let": {"room": "$roomId"},
                "pipeline": [{"$match": {"$expr": {"$eq": ["$_id", "$$room"]}}}, *_named(part)],
                "as": "room",
            }
        },
        {"$unwind": "$room"},
        {"$limit": limit},
        with_head("$roomId"),
        with_mentioned(user_id),
    ]


def membership(room_id: str, user_id: str) -> Pipeline:
    """The user's members document with `head` and `mentioned`. On members."""
    return [
        {"$match": {"roomId": room_id, "userId": user_id, "left": False}},
        with_head("$roomId"),
        with_mentioned(user_id),
    ]


def memberships(pairs: Iterable[tuple[str, str]]) -> Pipeline:
    """The members documents of (room id, user id) pairs, at least one. On members."""
    return [{"$match": of_pairs(pairs, left=False)}]


def of_pairs(pairs: Iterable[tuple[str, str]], **more: object) -> Stage:
    """The match of the documents of (room id, user id) pairs, at least one, that also match `more`.

    It has one branch for each room with the users of its pairs. One list of all rooms and one of all users would match
    every combination.
    """
    users: dict[str, list[str]] = {}
    for room_id, user_id in pairs:
        users.setdefault(room_id, []).append(user_id)
    return {"$or": [{"roomId": room_id, "userId": {"$in": ids}, **more} for room_id, ids in users.items()]}


def members(room_id: str, *, above: str, among: tuple[str, str], limit: int) -> Pipeline:
    """Members by folded username, above one, and from the first of `among` to before the second. On members.

    Each with `user`.
    """
    first, end = among
    return [
        {"$match": {"roomId": room_id, "left": False, "usernameFolded": {"$gt": above, "$gte": first, "$lt": end}}},
        {"$sort": {"usernameFolded": 1}},
        {"$limit": limit},
        {
            "$lookup": {
                "from": "users",
                "let": {"user": "$userId"},
                "pipeline": [
                    {"$match": {"$expr": {"$eq": ["$_id", "$$user"]}}},
                    {"$project": {"username": 1, "displayName": 1}},
                ],
                "as": "user",
            }
        },
    ]


def heads(room_ids: Sequence[str]) -> Pipeline:
    """Newest seq (`head`) and rev of many rooms, and `ahead`: the newest entry of each one's changes log. On rooms."""
    return [
        {"$match": {"_id": {"$in": list(room_ids)}}},
        with_head(),
        newest_entry("changes", "rev", ("rev", "createdAt"), "ahead", "$_id"),
        {"$project": {"rev": 1, "head": 1, "ahead": 1}},
    ]


def stats(room_id: str) -> Pipeline:
    """A room's totals: `memberCount`, and `head`, whose seq is the number of messages. On rooms."""
    return [
        {"$match": {"_id": room_id}},
        with_head(),
        {"$project": {"memberCount": 1, "createdAt": 1, "head": 1}},
    ]
