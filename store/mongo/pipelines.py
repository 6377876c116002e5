"""The aggregation pipelines: one named function each, pure, so that its stages can be read and tested.

Knows no connection.

What comes from a client stands only where a value stands, in a plain `$match`, never within an expression, where a
string that begins with `$` would be a field. Keyset by an indexed field, never `$skip`. The `let` form of `$lookup`
with `$expr` is used throughout: its equality on a joined field is answered from the index, on every server since 3.6.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from store.mongo.database import stored_time

Stage = dict[str, Any]
Pipeline = list[Stage]


def _of_room(*more: Stage) -> Stage:
    """The match of a joined document by `$$room`."""
    equal: Stage = {"$eq": ["$roomId", "$$room"]}
    return {"$and": [equal, *more]} if more else equal


def _newest(collection: str, key: str, fields: Sequence[str], into: str, room: str) -> Stage:
    """Join the entry of a room with the greatest `key`: one step into the index (roomId, key)."""
    return {
        "$lookup": {
            "from": collection,
            "let": {"room": room},
            "pipeline": [
                {"$match": {"$expr": _of_room()}},
                {"$sort": {key: -1}},
                {"$limit": 1},
                {"$project": {"_id": 0, **dict.fromkeys(fields, 1)}},
            ],
            "as": into,
        }
    }


def with_head(room: str = "$_id") -> Stage:
    """Join `head`: seq and time of the room's newest message, in an array."""
    return _newest("messages", "seq", ("seq", "createdAt"), "head", room)


def with_unapplied() -> Stage:
    """Join `unapplied`: entries of the changes log beyond the room's rev, ascending; none but while a change is under
    way.
    """
    return {
        "$lookup": {
            "from": "changes",
            "let": {"room": "$_id", "rev": "$rev"},
            "pipeline": [{"$match": {"$expr": _of_room({"$gt": ["$rev", "$$rev"]})}}, {"$sort": {"rev": 1}}],
            "as": "unapplied",
        }
    }


def _with_mentioned(user_id: str) -> Stage:
    """Join to a members document `mentioned`: how many unread messages of the room mention the user."""
    return {
        "$lookup": {
            "from": "messages",
            "let": {"room": "$roomId", "read": "$readSeq"},
            "pipeline": [
                {"$match": {"mentions": user_id, "$expr": _of_room({"$gt": ["$seq", "$$read"]})}},
                {"$count": "count"},
            ],
            "as": "mentioned",
        }
    }


def _with_membership(user_id: str) -> Stage:
    """Join to a room `membership`: the user's members document, with `mentioned`, in an array."""
    return {
        "$lookup": {
            "from": "members",
            "let": {"room": "$_id"},
            "pipeline": [
                {"$match": {"userId": user_id, "left": False, "$expr": _of_room()}},
                _with_mentioned(user_id),
            ],
            "as": "membership",
        }
    }


def room(room_id: str) -> Pipeline:
    """A room with `head` and `unapplied`."""
    return [{"$match": {"_id": room_id}}, with_head(), with_unapplied()]


def rooms(room_ids: Sequence[str]) -> Pipeline:
    """Many rooms, each as `room` gives one."""
    return [{"$match": {"_id": {"$in": list(room_ids)}}}, with_head(), with_unapplied()]


def memberships(pairs: Iterable[tuple[str, str]]) -> Pipeline:
    """The members documents of (room id, user id) pairs, of which there must be one. On members.

    A branch for each room, with those of it alone: the ids of all rooms and of all users would be answered by each with
    each.
    """
    users: dict[str, list[str]] = {}
    for room_id, user_id in pairs:
        users.setdefault(room_id, []).append(user_id)
    return [
        {
            "$match": {
                "$or": [{"roomId": room_id, "userId": {"$in": ids}, "left": False} for room_id, ids in users.items()]
            }
        }
    ]


def mentioned(read: Mapping[tuple[str, str], int]) -> Pipeline:
    """Which messages above the seq of each (room id, user id) of `read` mention them: `{_id: {room, user}, seqs}`.

    On messages.

    Each pair is a range of the index. A message that mentions several people comes for all of them, whatever they have
    read.
    """
    ranges = [{"mentions": user_id, "roomId": room_id, "seq": {"$gt": seq}} for (room_id, user_id), seq in read.items()]
    users = list({user_id for _, user_id in read})
    return [
        {"$match": {"$or": ranges}},
        {"$project": {"_id": 0, "roomId": 1, "seq": 1, "mentions": 1}},
        {"$unwind": "$mentions"},
        {"$match": {"mentions": {"$in": users}}},
        {"$group": {"_id": {"room": "$roomId", "user": "$mentions"}, "seqs": {"$push": "$seq"}}},
    ]


def room_for(room_id: str, user_id: str) -> Pipeline:
    """A room with `head`, `unapplied` and the user's `membership`."""
    return [{"$match": {"_id": room_id}}, with_head(), with_unapplied(), _with_membership(user_id)]


def _named(part: str) -> Pipeline:
    """Keep rooms whose folded name has `part` in it. An expression looks for it, but only ever as a literal."""
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
        _with_membership(user_id),
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
        _with_mentioned(user_id),
    ]


def membership(room_id: str, user_id: str) -> Pipeline:
    """The user's members document with `head` and `mentioned`. On members."""
    return [
        {"$match": {"roomId": room_id, "userId": user_id, "left": False}},
        with_head("$roomId"),
        _with_mentioned(user_id),
    ]


def members(room_id: str, *, above: str, limit: int) -> Pipeline:
    """Members by folded username, each with `user`. On members."""
    return [
        {"$match": {"roomId": room_id, "left": False, "usernameFolded": {"$gt": above}}},
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
        _newest("changes", "rev", ("rev", "createdAt"), "ahead", "$_id"),
        {"$project": {"rev": 1, "head": 1, "ahead": 1}},
    ]


def stats(room_id: str) -> Pipeline:
    """A room's totals: `memberCount`, and `head`, whose seq is the number of messages. On rooms."""
    return [
        {"$match": {"_id": room_id}},
        with_head(),
        {"$project": {"memberCount": 1, "createdAt": 1, "head": 1}},
    ]


def page(room_id: str, *, before: int | None, after: int | None, limit: int, with_authors: bool) -> Pipeline:
    """A room's rev, and then `messages`: the newest, those next below `before`, or next above `after`. On rooms.

    The rev is read first, so the messages are at least as new as it says. With `author`, an array, in each message if
    asked.
    """
    place: Stage = {"$lt": before} if before is not None else {"$gt": after}
    found: Stage = {"roomId": room_id} if before is None and after is None else {"roomId": room_id, "seq": place}
    within: Pipeline = [
        {"$match": found},
        {"$sort": {"seq": 1 if after is not None else -1}},
        {"$limit": limit},
    ]
    if with_authors:
        within.append(
            {
                "$lookup": {
                    "from": "users",
                    "let": {"author": "$userId"},
                    "pipeline": [
                        {"$match": {"$expr": {"$eq": ["$_id", "$$author"]}}},
                        {"$project": {"passwordHash": 0, "email": 0, "emailFolded": 0}},
                    ],
                    "as": "author",
                }
            }
        )
    return [
        {"$match": {"_id": room_id}},
        {"$project": {"rev": 1}},
        {"$lookup": {"from": "messages", "let": {}, "pipeline": within, "as": "messages"}},
    ]


def latest_changes(room_id: str, *, since: int, upto: int, limit: int) -> Pipeline:
    """Each message changed in (since, upto] once, as it now is, by its newest rev there: `{rev, message: [document]}`.

    On changes.
    """
    return [
        {"$match": {"roomId": room_id, "rev": {"$gt": since, "$lte": upto}, "seq": {"$exists": True}}},
        {"$group": {"_id": "$seq", "rev": {"$max": "$rev"}}},
        {"$sort": {"rev": 1}},
        {"$limit": limit},
        {
            "$lookup": {
                "from": "messages",
                "let": {"seq": "$_id"},
                "pipeline": [{"$match": {"roomId": room_id, "$expr": {"$eq": ["$seq", "$$seq"]}}}],
                "as": "message",
            }
        },
    ]


def search(found: Stage, *, scored: bool, after: tuple[float, int, str, int] | None, limit: int) -> Pipeline:
    """Places (`roomId`, `seq`) of the messages that `found` matches, with `score`, the best first, of equals the
    newest. On messages.

    Only places: what has to be sorted stays small. `after`: score, time, room and seq of the entry that the last page
    ended with.
    """
    score: Stage = {"$meta": "textScore"} if scored else {"$literal": 0.0}
    pipeline: Pipeline = [
        {"$match": found},
        {"$project": {"_id": 0, "roomId": 1, "seq": 1, "createdAt": 1, "score": score}},
    ]
    if after is not None:
        pipeline.append({"$match": _beyond(after)})
    return [*pipeline, {"$sort": {"score": -1, "createdAt": -1, "roomId": 1, "seq": -1}}, {"$limit": limit}]


def _beyond(after: tuple[float, int, str, int]) -> Stage:
    """What comes after an entry in the order (score, createdAt) descending, roomId ascending, seq descending."""
    score, created_at, room_id, seq = after[0], stored_time(after[1]), after[2], after[3]
    return {
        "$or": [
            {"score": {"$lt": score}},
            {"score": score, "createdAt": {"$lt": created_at}},
            {"score": score, "createdAt": created_at, "roomId": {"$gt": room_id}},
            {"score": score, "createdAt": created_at, "roomId": room_id, "seq": {"$lt": seq}},
        ]
    }


def metric_steps(source: str, metric: str, *, since: int, until: int, step: int) -> Pipeline:
    """The minutes of one metric from `since` up to `until`, each step of them as one.

    On monitoring. `metric` is a name of our own.
    """
    value = f"metrics.{metric}"
    return [
        {"$match": {"source": source, "minute": {"$gte": since, "$lt": until}, f"{value}.samples": {"$exists": True}}},
        {
            "$group": {
                "_id": {"$subtract": ["$minute", {"$mod": ["$minute", step]}]},
                "least": {"$min": f"${value}.least"},
                "total": {"$sum": f"${value}.total"},
                "most": {"$max": f"${value}.most"},
                "samples": {"$sum": f"${value}.samples"},
            }
        },
        {"$sort": {"_id": 1}},
    ]
