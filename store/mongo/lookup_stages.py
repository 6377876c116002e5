"""`$lookup` stages that several aggregation pipelines share. Knows no connection.

What comes from a client stands only where a value stands, in a plain `$match`, and never within an expression: there a
string that begins with `$` would name a field. All lookups use the `let` form with `$expr`: since MongoDB 3.6 its
equality on a joined field is answered from the index.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from store.models import ROOM_MENTION

Stage = dict[str, Any]
Pipeline = list[Stage]


def of_room(*more: Stage) -> Stage:
    """The match of a joined document by `$$room`."""
    equal: Stage = {"$eq": ["$roomId", "$$room"]}
    return {"$and": [equal, *more]} if more else equal


def newest_entry(collection: str, key: str, fields: Sequence[str], into: str, room: str) -> Stage:
    """Join the entry of a room with the greatest `key`: one step into the index (roomId, key)."""
    return {
        "$lookup": {
            "from": collection,
            "let": {"room": room},
            "pipeline": [
                {"$match": {"$expr": of_room()}},
                {"$sort": {key: -1}},
                {"$limit": 1},
                {"$project": {"_id": 0, **dict.fromkeys(fields, 1)}},
            ],
            "as": into,
        }
    }


def with_head(room: str = "$_id") -> Stage:
    """Join `head`: seq and time of the room's newest message, in an array."""
    return newest_entry("messages", "seq", ("seq", "createdAt"), "head", room)


def with_unapplied() -> Stage:
    """Join `unapplied`: entries of the changes log beyond the room's rev, ascending.

    Empty unless a change is under way.
    """
    return {
        "$lookup": {
            "from": "changes",
            "let": {"room": "$_id", "rev": "$rev"},
            "pipeline": [{"$match": {"$expr": of_room({"$gt": ["$rev", "$$rev"]})}}, {"$sort": {"rev": 1}}],
            "as": "unapplied",
        }
    }


def with_mentioned(user_id: str) -> Stage:
    """Join to a members document `mentioned`: how many unread messages of the room mention the user, or all."""
    return {
        "$lookup": {
            "from": "messages",
            "let": {"room": "$roomId", "read": "$readSeq"},
            "pipeline": [
                {
                    "$match": {
                        "mentions": {"$in": [user_id, ROOM_MENTION]},
                        "$expr": of_room({"$gt": ["$seq", "$$read"]}),
                    }
                },
                {"$count": "count"},
            ],
            "as": "mentioned",
        }
    }


def with_membership(user_id: str) -> Stage:
    """Join to a room `membership`: the user's members document, with `mentioned`, in an array."""
    return {
        "$lookup": {
            "from": "members",
            "let": {"room": "$_id"},
            "pipeline": [
                {"$match": {"userId": user_id, "left": False, "$expr": of_room()}},
                with_mentioned(user_id),
            ],
            "as": "membership",
        }
    }
