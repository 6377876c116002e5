"""Aggregation pipelines on messages and on their changes: one pure function each, so that a test can check its stages.

Knows no connection. Lists are paged by an indexed field, never by `$skip`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from store.models import ROOM_MENTION
from store.mongo.database import stored_time
from store.mongo.lookup_stages import Pipeline, Stage, with_head
from store.search_ranking import Span

# A place in the order of store/search_ranking.py: the time, negative; the room; the seq, negative.
Place = tuple[int, str, int]


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


def history(room_id: str, seq: int, user_id: str) -> Pipeline:
    """A room with `head`, the user's `member`, one `message` and its `edits`, each in an array. On rooms.

    The message is read last: where it is not deleted, its edits were read while they could still be shown.
    """
    place: Stage = {"roomId": room_id, "seq": seq}

    def joined(collection: str, match: Stage, into: str) -> Stage:
        return {"$lookup": {"from": collection, "let": {}, "pipeline": [{"$match": match}], "as": into}}

    return [
        {"$match": {"_id": room_id}},
        with_head(),
        joined("members", {"roomId": room_id, "userId": user_id, "left": False}, "member"),
        joined("message_edits", place, "edits"),
        joined("messages", place, "message"),
    ]


def mentioned(read: Mapping[tuple[str, str], int]) -> Pipeline:
    """The messages above the seq of each (room id, user id) of `read` that mention the user, or all. On messages.

    Each result is `{_id: {room, user}, seqs}`; the user of mentions of all is ROOM_MENTION. Each pair is one range of
    the index, and each room another. A message that mentions several of the users is returned for all of them, also
    where it is not above the seq of one.
    """
    lowest: dict[tuple[str, str], int] = dict(read)
    for (room_id, _), seq in read.items():
        lowest[room_id, ROOM_MENTION] = min(seq, lowest.get((room_id, ROOM_MENTION), seq))
    ranges = [{"mentions": who, "roomId": room_id, "seq": {"$gt": seq}} for (room_id, who), seq in lowest.items()]
    users = [*{user_id for _, user_id in read}, ROOM_MENTION]
    return [
        {"$match": {"$or": ranges}},
        {"$project": {"_id": 0, "roomId": 1, "seq": 1, "mentions": 1}},
        {"$unwind": "$mentions"},
        {"$match": {"mentions": {"$in": users}}},
        {"$group": {"_id": {"room": "$roomId", "user": "$mentions"}, "seqs": {"$push": "$seq"}}},
    ]


def latest_changes(room_id: str, *, since: int, upto: int, limit: int) -> Pipeline:
    """Each message changed in (since, upto] once, in its current form: `{rev, message: [document]}`, ascending by rev.

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


def search(found: Stage, span: Span[Place]) -> Pipeline:
    """What search compares of the messages that `found` matches within a span, from new to old. On messages."""
    conditions = _conditions(span)
    return [
        {"$match": found | {"$and": [*found.get("$and", ()), *conditions]} if conditions else found},
        {"$sort": {"createdAt": -1, "roomId": 1, "seq": -1}},
        {"$limit": span.limit},
        {"$project": {"_id": 0, "roomId": 1, "seq": 1, "createdAt": 1, "content": 1, "folded": 1}},
    ]


def recent(room_ids: Sequence[str], found: Stage, *, read_max: int, limit: int) -> Pipeline:
    """The `content` of up to `limit` messages that `found` matches, of the newest `read_max` of rooms. On messages."""
    return [
        {"$match": {"roomId": {"$in": list(room_ids)}, "deletedAt": None}},
        {"$sort": {"createdAt": -1}},
        {"$limit": read_max},
        {"$match": found},
        {"$limit": limit},
        {"$project": {"_id": 0, "content": 1}},
    ]


def _conditions(span: Span[Place]) -> list[Stage]:
    conditions = []
    if span.after is not None:
        conditions.append(_beyond(span.after, "$lt", "$gt", "$lt"))
    if span.newest is not None:
        conditions.append(_beyond(span.newest, "$lt", "$gt", "$lte"))
    if span.oldest is not None:
        conditions.append(_beyond(span.oldest, "$gt", "$lt", "$gte"))
    return conditions


def _beyond(place: Place, time_beyond: str, room_beyond: str, seq_beyond: str) -> Stage:
    created_at, room_id, seq = stored_time(-place[0]), place[1], -place[2]
    return {
        "$or": [
            {"createdAt": {time_beyond: created_at}},
            {"createdAt": created_at, "roomId": {room_beyond: room_id}},
            {"createdAt": created_at, "roomId": room_id, "seq": {seq_beyond: seq}},
        ]
    }
