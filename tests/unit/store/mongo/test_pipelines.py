"""Each pipeline's stages; and on a real mongod, that it is answered from its index."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from pymongo.database import Database as RawDatabase

from store.mongo import MongoStore, pipelines
from store.mongo.database import stored_time
from store.mongo.pipelines import Pipeline

Raw = RawDatabase[dict[str, Any]]

ROOM_OF = {"$eq": ["$roomId", "$$room"]}


def stages(pipeline: Pipeline) -> list[str]:
    return [next(iter(stage)) for stage in pipeline]


def lookup(pipeline: Pipeline, into: str) -> dict[str, Any]:
    """The $lookup that fills a field."""
    (found,) = [stage["$lookup"] for stage in pipeline if stage.get("$lookup", {}).get("as") == into]
    return dict(found)


def test_no_pipeline_skips() -> None:
    def operators(value: Any) -> Iterator[str]:
        if isinstance(value, dict):
            for name, part in value.items():
                yield name
                yield from operators(part)
        elif isinstance(value, list | tuple):
            for part in value:
                yield from operators(part)

    everything = [
        pipelines.room("r"),
        pipelines.room_for("r", "u"),
        pipelines.public_rooms("u", below=9, part="x", limit=5),
        pipelines.rooms_of("u", below=9, part="x", limit=5),
        pipelines.membership("r", "u"),
        pipelines.members("r", above="", limit=5),
        pipelines.heads(["r"]),
        pipelines.stats("r"),
        pipelines.page("r", before=3, after=None, limit=5, with_authors=True),
        pipelines.latest_changes("r", since=1, upto=5, limit=5),
        pipelines.search({}, scored=True, after=(1.0, 2, "r", 3), limit=5),
    ]
    assert "$skip" not in set(operators(everything))


def test_a_rooms_newest_message_is_one_step_into_its_index() -> None:
    head = pipelines.with_head()["$lookup"]
    assert (head["from"], head["let"]) == ("messages", {"room": "$_id"})
    assert head["pipeline"] == [
        {"$match": {"$expr": ROOM_OF}},
        {"$sort": {"seq": -1}},
        {"$limit": 1},
        {"$project": {"_id": 0, "seq": 1, "createdAt": 1}},
    ]


def test_a_room_comes_with_what_of_its_log_is_not_applied() -> None:
    pipeline = pipelines.room("r1")
    assert pipeline[0] == {"$match": {"_id": "r1"}}
    assert lookup(pipeline, "unapplied")["pipeline"] == [
        {"$match": {"$expr": {"$and": [ROOM_OF, {"$gt": ["$rev", "$$rev"]}]}}},
        {"$sort": {"rev": 1}},
    ]


def test_a_membership_counts_unread_mentions_by_their_index() -> None:
    pipeline = pipelines.membership("r1", "u1")
    assert pipeline[0] == {"$match": {"roomId": "r1", "userId": "u1", "left": False}}
    mentioned = lookup(pipeline, "mentioned")
    assert mentioned["let"] == {"room": "$roomId", "read": "$readSeq"}
    assert mentioned["pipeline"] == [
        {"$match": {"mentions": "u1", "$expr": {"$and": [ROOM_OF, {"$gt": ["$seq", "$$read"]}]}}},
        {"$count": "count"},
    ]


def test_a_room_for_somebody_has_their_membership_joined() -> None:
    pipeline = pipelines.room_for("r1", "u1")
    assert stages(pipeline) == ["$match", "$lookup", "$lookup"]
    within = lookup(pipeline, "membership")["pipeline"]
    assert within[0] == {"$match": {"userId": "u1", "left": False, "$expr": ROOM_OF}}
    assert lookup(within, "mentioned")


def test_rooms_are_listed_by_keyset_and_only_those_of_a_page_are_joined() -> None:
    public = pipelines.public_rooms("u1", below=77, part="", limit=5)
    assert public[:3] == [
        {"$match": {"isPrivate": False, "order": {"$lt": 77}}},
        {"$sort": {"order": -1}},
        {"$limit": 5},
    ]
    own = pipelines.rooms_of("u1", below=77, part="", limit=5)
    assert own[:2] == [
        {"$match": {"userId": "u1", "left": False, "roomOrder": {"$lt": 77}}},
        {"$sort": {"roomOrder": -1}},
    ]
    assert stages(own) == ["$match", "$sort", "$lookup", "$unwind", "$limit", "$lookup", "$lookup"]


@pytest.mark.parametrize("part", ["$name", "$$ROOT", "a.b", ".*"])
def test_a_part_of_a_name_is_a_literal(part: str) -> None:
    found = pipelines.public_rooms("u1", below=9, part=part, limit=5)[2]
    assert found == {"$match": {"$expr": {"$gte": [{"$indexOfBytes": ["$nameFolded", {"$literal": part}]}, 0]}}}


def test_members_are_paged_by_name_and_joined_with_their_names_only() -> None:
    pipeline = pipelines.members("r1", above="bob", limit=5)
    assert pipeline[:3] == [
        {"$match": {"roomId": "r1", "left": False, "usernameFolded": {"$gt": "bob"}}},
        {"$sort": {"usernameFolded": 1}},
        {"$limit": 5},
    ]
    assert lookup(pipeline, "user")["pipeline"][-1] == {"$project": {"username": 1, "displayName": 1}}


def test_heads_of_many_rooms_are_one_aggregation() -> None:
    pipeline = pipelines.heads(["r1", "r2"])
    assert pipeline[0] == {"$match": {"_id": {"$in": ["r1", "r2"]}}}
    assert lookup(pipeline, "ahead")["from"] == "changes"
    assert pipeline[-1] == {"$project": {"rev": 1, "head": 1, "ahead": 1}}


def test_stats_are_one_aggregation() -> None:
    pipeline = pipelines.stats("r1")
    assert stages(pipeline) == ["$match", "$lookup", "$project"]
    assert pipeline[-1] == {"$project": {"memberCount": 1, "createdAt": 1, "head": 1}}


@pytest.mark.parametrize(
    ("before", "after", "match", "direction"),
    [
        (None, None, {"roomId": "r1"}, -1),
        (7, None, {"roomId": "r1", "seq": {"$lt": 7}}, -1),
        (None, 0, {"roomId": "r1", "seq": {"$gt": 0}}, 1),
    ],
)
def test_a_page_is_a_keyset_by_seq(before: int | None, after: int | None, match: dict[str, Any], direction: int) -> None:
    pipeline = pipelines.page("r1", before=before, after=after, limit=51, with_authors=False)
    assert pipeline[:2] == [{"$match": {"_id": "r1"}}, {"$project": {"rev": 1}}]
    assert lookup(pipeline, "messages")["pipeline"] == [{"$match": match}, {"$sort": {"seq": direction}}, {"$limit": 51}]


def test_authors_are_joined_without_their_secrets() -> None:
    pipeline = pipelines.page("r1", before=None, after=None, limit=51, with_authors=True)
    within = lookup(pipeline, "messages")["pipeline"]
    assert lookup(within, "author")["pipeline"][-1] == {"$project": {"passwordHash": 0, "email": 0, "emailFolded": 0}}


def test_what_changed_is_each_message_once() -> None:
    pipeline = pipelines.latest_changes("r1", since=3, upto=9, limit=5)
    assert pipeline[:4] == [
        {"$match": {"roomId": "r1", "rev": {"$gt": 3, "$lte": 9}, "seq": {"$exists": True}}},
        {"$group": {"_id": "$seq", "rev": {"$max": "$rev"}}},
        {"$sort": {"rev": 1}},
        {"$limit": 5},
    ]


def test_a_search_goes_on_where_the_last_page_ended() -> None:
    first = pipelines.search({"$text": {"$search": "x"}, "roomId": {"$in": ["r1"]}}, scored=True, after=None, limit=5)
    assert first[0] == {"$match": {"$text": {"$search": "x"}, "roomId": {"$in": ["r1"]}}}
    assert first[1]["$project"]["score"] == {"$meta": "textScore"}
    assert first[2:] == [{"$sort": {"score": -1, "createdAt": -1, "roomId": 1, "seq": -1}}, {"$limit": 5}]
    following = pipelines.search({}, scored=False, after=(1.5, 1000, "r1", 7), limit=5)
    beyond = following[2]["$match"]["$or"]
    assert beyond[0] == {"score": {"$lt": 1.5}}
    assert beyond[3] == {"score": 1.5, "createdAt": stored_time(1000), "roomId": "r1", "seq": {"$lt": 7}}


# ---- on a real mongod --------------------------------------------------------------------------------------------


def plans_of(value: Any) -> Iterator[tuple[str, str | None]]:
    """Every stage of a plan, with the index it uses."""
    if isinstance(value, dict):
        if isinstance(value.get("stage"), str):
            yield value["stage"], value.get("indexName")
        for part in value.values():
            yield from plans_of(part)
    elif isinstance(value, list):
        for part in value:
            yield from plans_of(part)


@pytest.mark.real_mongod
@pytest.mark.parametrize(
    ("collection", "pipeline", "index"),
    [
        ("rooms", pipelines.public_rooms("u1", below=9, part="", limit=5), "listed"),
        ("members", pipelines.rooms_of("u1", below=9, part="", limit=5), "user_rooms"),
        ("members", pipelines.membership("r1", "u1"), "room_user"),
        ("members", pipelines.members("r1", above="", limit=5), "room_names"),
        ("messages", [{"$match": {"roomId": "r1", "seq": {"$lt": 9}}}, {"$sort": {"seq": -1}}, {"$limit": 5}], "room_seq"),
        ("changes", pipelines.latest_changes("r1", since=1, upto=5, limit=5), "room_rev"),
        ("messages", pipelines.search({"$text": {"$search": "x"}, "roomId": "r1"}, scored=True, after=None, limit=5), "content_text"),
        ("messages", [{"$match": {"mentions": "u1", "roomId": "r1", "seq": {"$gt": 1}}}], "mentions"),
        ("messages", [{"$match": {"roomId": "r1", "createdAt": {"$lt": stored_time(1)}}}, {"$sort": {"createdAt": -1}}], "room_created"),
        ("sessions", [{"$match": {"revokedAt": {"$gte": stored_time(1)}}}], "revoked"),
    ],
)
@pytest.mark.gen_test
async def test_a_pipeline_is_answered_from_its_index(store: MongoStore, raw: Raw, collection: str, pipeline: Pipeline, index: str) -> None:
    plan = raw.command("explain", {"aggregate": collection, "pipeline": pipeline, "cursor": {}}, verbosity="queryPlanner")
    used = dict(plans_of(plan.get("stages", [plan])[0] if "stages" in plan else plan["queryPlanner"]["winningPlan"]))
    assert "COLLSCAN" not in used
    assert index in used.values()


@pytest.mark.real_mongod
@pytest.mark.gen_test
async def test_the_joined_heads_are_answered_from_their_indexes(store: MongoStore, raw: Raw) -> None:
    raw.rooms.insert_one({"_id": "r1", "rev": 0})
    for pipeline in (pipelines.heads(["r1"]), pipelines.room_for("r1", "u1"), pipelines.stats("r1")):
        plan = raw.command("explain", {"aggregate": "rooms", "pipeline": pipeline, "cursor": {}}, verbosity="executionStats")
        joins = [stage for stage in plan["stages"] if "$lookup" in stage]
        assert joins
        assert sum(stage.get("collectionScans", 0) for stage in joins) == 0


@pytest.mark.real_mongod
@pytest.mark.gen_test(timeout=150)
async def test_ttl_removes_what_has_expired(store: MongoStore, raw: Raw) -> None:
    raw.sessions.insert_one({"_id": "s1", "expiresAt": stored_time(1)})
    for _ in range(130):
        if raw.sessions.count_documents({}) == 0:
            return
        await asyncio.sleep(1)  # the server looks once a minute
    raise AssertionError("it is still there")
